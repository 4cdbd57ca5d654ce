# Hamgate in a container: one program on a base that has a C library and nothing else, no shell and no package manager.
#
#   docker build -t hamgate .
#   docker run --rm --read-only --cap-drop ALL -p 127.0.0.1:8080:8080 -v hamgate:/data -e HAMGATE_OPEN=true hamgate
#
# HAMGATE_OPEN lets whoever reaches the port ask, which here is this machine alone. Leave it away where others reach the
# port; Hamgate then starts as soon as there is a key: docker run --rm -v hamgate:/data hamgate key add SITE
#
# The base is distroless/cc and not scratch: a statically linked glibc cannot look up host names, and a database is
# reached by its name.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Dependencies first, against empty sources: this layer is built again only when a manifest changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --profile dist --locked --bin hamgate

# The sources may be older than what was just built, and cargo goes by their dates.
COPY README.md ./
COPY models models
COPY migrations migrations
COPY src src
RUN touch src/lib.rs src/main.rs \
    && cargo build --profile dist --locked --bin hamgate \
    && install -D target/dist/hamgate /image/usr/local/bin/hamgate \
    && install -d /image/data


FROM gcr.io/distroless/cc-debian12:nonroot

ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Hamgate" \
      org.opencontainers.image.description="Decides whether a blog comment may appear: approve or hold" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"

COPY --from=build /image/usr/local/bin/hamgate /usr/local/bin/hamgate
# A named volume takes over the owner of the folder it is mounted on.
COPY --from=build --chown=65532:65532 /image/data /data

# By number, so that `runAsNonRoot` of Kubernetes can see that it is not root. It is `nonroot` of the base.
USER 65532:65532
# The store lies here, and models of one's own. Nothing else is ever written, so the root file system may be read-only.
WORKDIR /data
VOLUME /data

# glibc keeps what is freed, the more the more threads there are, and raises by itself the size from which blocks are given back at once. Two arenas, and
# that size left where it begins, take half the memory under mixed load (docs/performance.md, "An hour of everything at once").
ENV GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072

# A container is reached from outside itself; which addresses of the host lead there is for `docker run -p` to say.
ENV HAMGATE_LISTEN=0.0.0.0:8080 \
    HAMGATE_STORE=/data/hamgate.sqlite
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/hamgate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/hamgate"]
CMD ["serve"]
