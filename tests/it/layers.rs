use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module with its layer and what it may use of the crate: the table of ARCHITECTURE.md.
const LAYERS: &[(&str, u8)] = &[
    ("clock", 0),
    ("comment", 0),
    ("verdict", 0),
    ("site", 0),
    ("figures", 1),
    ("text", 1),
    ("model", 2),
    ("corpus", 3),
    ("reasons", 3),
    ("evaluate", 4),
    ("import", 4),
    ("answer", 4),
    ("store", 4),
    ("telemetry", 4),
    ("moderator", 5),
    ("config", 5),
    ("report", 5),
    ("learner", 6),
    ("http", 7),
    ("cli", 8),
];

/// Pairs that the layers would allow and the design does not.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("model", "corpus", "the trainer must not know where rows come from"),
    ("corpus", "model::classifier", "a corpus must not know what is learned from it"),
    ("store", "model", "a store must not know what is learned from it"),
    ("http", "corpus", "the service never reads a corpus"),
    ("http", "evaluate", "the service never evaluates"),
    ("http", "import", "the service never imports"),
    ("import", "model", "an importer must not know what is learned from it"),
];

fn layer(module: &str) -> u8 {
    let found = LAYERS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("`{module}` is in no layer: add it to tests/it/layers.rs and ARCHITECTURE.md")).1
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The modules of this crate that a source names outside its tests.
fn names(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| {
        line.split("crate::")
            .skip(1)
            .map(|rest| {
                rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn each_module_uses_only_layers_below_its_own() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap().with_extension("");
        let module = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        if module == "lib" || module == "main" {
            continue;
        }
        let source = fs::read_to_string(&file).unwrap();
        for named in names(&source) {
            let target = named.split("::").next().unwrap();
            if target.is_empty() || target == module {
                continue;
            }
            *seen.entry(module.clone()).or_default() += 1;
            assert!(
                layer(target) < layer(&module),
                "{} names `{target}`, which is not below `{module}`",
                inside.display()
            );
            for (from, to, why) in FORBIDDEN {
                assert!(!(module == *from && named.starts_with(to)), "{} names `{named}`: {why}", inside.display());
            }
        }
    }
    assert!(seen.len() > 5, "the test found hardly any uses: {seen:?}");
}

/// The sources with a line that `names` something, below `src`.
fn naming(names: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.retain(|file| fs::read_to_string(file).unwrap().lines().any(&names));
    files.iter().map(|file| file.strip_prefix(&root).unwrap().to_owned()).collect()
}

#[test]
fn sqlx_is_named_by_the_store_and_by_the_reader_of_another_programs_database() {
    let naming = naming(|line| !line.trim_start().starts_with("//") && line.contains("sqlx::"));
    assert!(naming.len() > 3, "{naming:?}");
    for file in naming {
        assert!(file.starts_with("store") || file == Path::new("import/isso.rs"), "{} names sqlx", file.display());
    }
}

#[test]
fn linfa_is_named_in_one_file_only() {
    let naming = naming(|line| line.starts_with("use linfa") || line.starts_with("use ndarray"));
    assert_eq!(naming, [Path::new("model/naive_bayes.rs")]);
}
