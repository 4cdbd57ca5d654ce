//! The laws of `fuzz/laws.rs`, tried in every run of the tests: on each seed, and on seeds that are damaged at random. What a
//! fuzzer does for hours with an instrumented program is done here for seconds, so that a law which no longer holds, or no longer
//! compiles, is known at once.

#[path = "../fuzz/laws.rs"]
mod laws;

use std::fs;
use std::io::Cursor;
use std::path::Path;

use hamgate::import::{Import, ImportOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// The seeds of a law with their names.
fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut seeds: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect();
    seeds.sort_unstable();
    seeds
}

/// What happens to a seed on its way.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, Index),
    Double(Index, Index),
    Insert(Index, Vec<u8>),
    /// A part of another seed in place of the end.
    Splice(Index, Vec<u8>, Index),
}

impl Damage {
    fn inflict(self, bytes: &mut Vec<u8>) {
        let place = |at: Index| at.index(bytes.len() + 1);
        let range = |a: Index, b: Index| place(a).min(place(b))..place(a).max(place(b));
        match self {
            Damage::Flip(at, bits) => {
                let at = place(at).saturating_sub(1);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits);
            }
            Damage::Cut(a, b) => _ = bytes.drain(range(a, b)),
            Damage::Double(a, b) => {
                let range = range(a, b);
                let (at, part) = (range.end, bytes[range].to_vec());
                bytes.splice(at..at, part);
            }
            Damage::Insert(at, part) => {
                let at = place(at);
                bytes.splice(at..at, part);
            }
            Damage::Splice(at, other, from) => {
                bytes.truncate(place(at));
                bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
    }
}

fn damage(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Damage> {
    let telling = [
        "\0", "\n", "\"", "\\", "&", "=", "%", "<", ">", "]]>", "{", "}", "[", "\u{feff}", "ß", "\u{200b}", "1e999",
        "-1",
    ];
    let part = prop_oneof![select(telling.to_vec()).prop_map(|text| text.as_bytes().to_vec()), vec(any::<u8>(), 1..5)];
    prop_oneof![
        3 => (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        1 => any::<(Index, Index)>().prop_map(|(a, b)| Damage::Cut(a, b)),
        1 => any::<(Index, Index)>().prop_map(|(a, b)| Damage::Double(a, b)),
        3 => (any::<Index>(), part).prop_map(|(at, part)| Damage::Insert(at, part)),
        1 => (any::<Index>(), select(seeds), any::<Index>()).prop_map(|(at, other, from)| Damage::Splice(at, other, from)),
    ]
}

fn check(name: &str, cases: u32) {
    let (_, law) = *laws::LAWS.iter().find(|(law, _)| *law == name).expect("there is such a law");
    every_seed_is_what_its_name_says(name, law);
    let seeds: Vec<Vec<u8>> = seeds(name).into_iter().map(|(_, seed)| seed).collect();
    let inflicted = vec(damage(seeds.clone()), 1..4);
    let damaged_seed = (select(seeds), inflicted).prop_map(|(mut seed, inflicted)| {
        for damage in inflicted {
            damage.inflict(&mut seed);
        }
        seed
    });
    let bytes = prop_oneof![15 => damaged_seed, 1 => vec(any::<u8>(), 0..200)];
    let mut runner = TestRunner::new(Config { cases, source_file: Some(file!()), ..Config::default() });
    let tried = runner.run(&bytes, |bytes| {
        law(&bytes);
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{name}: {error}"));
}

fn every_seed_is_what_its_name_says(name: &str, law: laws::Law) {
    let seeds = seeds(name);
    assert!(seeds.len() > 9, "{name} has {} seeds", seeds.len());
    for (seed, bytes) in seeds {
        let accepted = law(&bytes);
        assert_eq!(if accepted { "good" } else { "bad" }, seed.split('-').next().unwrap(), "{name}/{seed}");
    }
}

#[test]
fn any_body_of_a_check() {
    check("json_body", 1_000);
}

#[test]
fn any_form_of_akismets_protocol() {
    check("akismet_form", 1_000);
}

#[test]
fn any_model_file() {
    check("model_file", 30);
}

#[test]
fn any_file_to_import() {
    check("import", 1_000);
}

#[test]
fn any_text() {
    check("text", 200);
}

#[test]
fn the_memory_of_an_import_does_not_grow_with_its_rows() {
    let (_, wordpress) = seeds("import").into_iter().find(|(name, _)| name == "good-wordpress").unwrap();
    let text = String::from_utf8(wordpress).unwrap();
    let (head, rest) = text.split_once("<item>").unwrap();
    let (item, end) = rest.split_once("</item>").unwrap();
    let peak = |times: usize| {
        let file = format!("{head}{}{end}", format!("<item>{item}</item>").repeat(times)).into_bytes();
        let import = move || {
            let read = Import::of(Path::new("export"), Cursor::new(file), ImportOptions::default());
            assert_eq!(read.unwrap().map(Result::unwrap).count(), 6 * times);
        };
        allocation_counter::measure(import).bytes_max
    };
    assert!(peak(1_000) < peak(10) + 100_000, "{} and {}", peak(1_000), peak(10));
}
