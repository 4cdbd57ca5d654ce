use std::path::{Path, PathBuf};

use assert_cmd::Command;
use hamgate::comment::{Comment, Label};
use hamgate::store::{Change, Correction, Origin, Store, StoreOptions, Target};

use crate::support::isso;
use crate::workshop::{Workshop, hamgate};

fn export(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/exports").join(name)
}

struct Said {
    out: String,
    err: String,
}

impl Workshop {
    fn import(&self, file: &Path, arguments: &[&str]) -> Command {
        let mut command = hamgate();
        command.env("HAMGATE_STORE", self.path("store.sqlite")).arg("import").arg(file).args(arguments);
        command
    }

    fn imported(&self, file: &Path, arguments: &[&str]) -> Said {
        said(&mut self.import(file, arguments), 0)
    }

    fn refused(&self, file: &Path, arguments: &[&str]) -> Said {
        said(&mut self.import(file, arguments), 1)
    }
}

fn said(command: &mut Command, code: i32) -> Said {
    let output = command.assert().code(code).get_output().clone();
    Said { out: String::from_utf8(output.stdout).unwrap(), err: String::from_utf8(output.stderr).unwrap() }
}

/// The rows of the first table: what changed, ham, spam.
fn table(out: &str) -> Vec<(String, u64, u64)> {
    let rows = out.lines().skip(1).take_while(|line| !line.is_empty());
    rows.map(|line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [name @ .., ham, spam] = &cells[..] else { panic!("{line}") };
        (name.join(" "), ham.parse().unwrap(), spam.parse().unwrap())
    })
    .collect()
}

fn changes(new: (u64, u64), known: (u64, u64), relabelled: (u64, u64)) -> Vec<(String, u64, u64)> {
    [("new", new), ("known already", known), ("relabelled", relabelled)]
        .map(|(name, (ham, spam))| (name.to_owned(), ham, spam))
        .to_vec()
}

#[test]
fn importing_twice_changes_nothing_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let isso = folder.path().join("isso.db");
    isso::make(&isso);
    let table_of_formats: [(PathBuf, &[&str], (u64, u64)); 7] = [
        (export("wordpress.xml"), &[], (3, 1)),
        (export("comments.csv"), &["--site", "werkbank.example"], (2, 1)),
        (export("plain.csv"), &["--site", "werkbank.example"], (1, 1)),
        (export("disqus.xml"), &["--site", "https://kettle.example/"], (1, 1)),
        (export("nested-disqus.xml"), &["--site", "kettle.example"], (2, 0)),
        (export("comments.jsonl"), &[], (1, 1)),
        (isso, &["--site", "kettle.example"], (2, 0)),
    ];
    for (file, arguments, expected) in table_of_formats {
        let workshop = Workshop::new();
        let first = workshop.imported(&file, arguments).out;
        assert_eq!(table(&first), changes(expected, (0, 0), (0, 0)), "{}", file.display());
        let second = workshop.imported(&file, arguments).out;
        assert_eq!(table(&second), changes((0, 0), expected, (0, 0)), "{}", file.display());
        let left_out_and_own = |out: &str| {
            let lines = out.lines().skip_while(|line| !line.is_empty());
            // How a model would fare is told only when something changed.
            lines.take_while(|line| !line.contains("each counted")).map(str::to_owned).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(left_out_and_own(&first).trim(), left_out_and_own(&second).trim(), "{}", file.display());
    }
}

#[test]
fn what_nobody_judged_is_left_out_unless_the_owner_says_what_it_is() {
    let workshop = Workshop::new();
    let out = workshop.imported(&export("wordpress.xml"), &[]).out;
    for expected in [
        "1 waiting for moderation; `--pending ham` or `--pending spam` would take them",
        "2 thrown away; `--bin ham` or `--bin spam` would take them",
        "1 without a text: 108 (line 110)",
        "1 not from a visitor, but a note or a trial: 106 (line 89)",
        "1 without a label or a known status: 110 (line 124)",
    ] {
        assert!(out.contains(&format!("\n  {expected}\n")), "{out}");
    }
    let out = workshop.imported(&export("wordpress.xml"), &["--pending", "ham", "--bin", "spam"]).out;
    assert_eq!(table(&out), changes((1, 2), (3, 1), (0, 0)));
    let out = workshop.imported(&export("wordpress.xml"), &["--pending", "spam", "--bin", "skip"]).out;
    assert_eq!(table(&out), changes((0, 0), (3, 1), (0, 1)));
}

#[test]
fn the_end_tells_what_the_blog_has_now_and_what_it_lacks() {
    let workshop = Workshop::new();
    let kettle = ["--site", "kettle.example"];
    let out = workshop.imported(&export("nested-disqus.xml"), &kettle).out;
    assert!(out.contains("\nkettle.example now has 2 ham and 0 spam of its own.\n"), "{out}");
    assert!(out.contains("generic spam of the shipped model"), "{out}");
    let out = workshop.imported(&export("disqus.xml"), &kettle).out;
    assert!(out.contains("\nkettle.example now has 3 ham and 1 spam of its own.\n"), "{out}");
    // How a model trained on it would fare, and how to get it.
    assert!(out.contains("kettle.example: 3 ham and 1 spam of its own, each counted 20.0 times"), "{out}");
    assert!(out.contains("own comments, judged by models that had not learned them"), "{out}");
    assert!(out.ends_with("`hamgate train --store --site kettle.example` puts that model in service.\n"), "{out}");
    let spam = workshop.write("spam.csv", "content,label\nBuy,spam\n");
    let out = workshop.imported(&spam, &["--site", "other.example"]).out;
    assert!(
        out.contains("\nother.example now has 0 ham and 1 spam") && out.contains("There is no ham of its own"),
        "{out}"
    );
}

#[test]
fn a_trial_run_stores_nothing() {
    let workshop = Workshop::new();
    let out = workshop.imported(&export("wordpress.xml"), &["--dry-run"]).out;
    assert_eq!(table(&out), [("would be imported".to_owned(), 3, 1)]);
    assert!(out.contains("would be left out:"), "{out}");
    assert!(!workshop.path("store.sqlite").exists());
    // Nor does it need a place to store something.
    said(hamgate().arg("import").arg(export("wordpress.xml")).args(["--dry-run", "--store", "none"]), 0);
}

#[test]
fn a_file_that_does_not_say_its_blog_needs_the_word_of_the_user() {
    let workshop = Workshop::new();
    for name in ["comments.csv", "disqus.xml"] {
        let said = workshop.refused(&export(name), &[]);
        assert!(said.err.contains("does not say which blog it is from") && said.err.contains("--site"), "{}", said.err);
    }
    let said = workshop.refused(&export("wordpress.xml"), &["--store", "none"]);
    assert!(said.err.contains("there is none") && said.err.contains("--dry-run"), "{}", said.err);
}

#[test]
fn what_came_before_an_error_is_stored_and_told() {
    let workshop = Workshop::new();
    let text = std::fs::read_to_string(export("wordpress.xml")).unwrap();
    let cut = workshop.write("cut.xml", &text[..text.len() - 30]);
    let said = workshop.refused(&cut, &[]);
    assert_eq!(table(&said.out), changes((3, 1), (0, 0), (0, 0)));
    assert!(said.err.contains("cut.xml` beyond line"), "{}", said.err);
    assert!(said.err.contains("caused by: it ends too early") && said.err.contains("hint: "), "{}", said.err);
    let out = workshop.imported(&export("wordpress.xml"), &[]).out;
    assert_eq!(table(&out), changes((0, 0), (3, 1), (0, 0)));
}

#[test]
fn several_files_are_imported_one_after_the_other() {
    let workshop = Workshop::new();
    let mut command = workshop.import(&export("disqus.xml"), &["--site", "kettle.example"]);
    let said = said(command.arg(export("nested-disqus.xml")), 0);
    assert_eq!(table(&said.out), changes((3, 1), (0, 0), (0, 0)));
}

#[test]
fn what_cannot_be_imported_is_refused_with_the_remedy() {
    let workshop = Workshop::new();
    let page = workshop.write("export.xml", "<!DOCTYPE html><html><body>Log in</body></html>");
    let said = workshop.refused(&page, &[]);
    assert!(said.err.contains("it is a web page") && said.err.contains("docs/import.md"), "{}", said.err);
    assert!(said.out.is_empty(), "{}", said.out);
    let said = workshop.refused(&workshop.path("nothing.xml"), &[]);
    assert!(
        said.err.contains("it cannot be read") && said.err.contains("hint: check that the file is there"),
        "{}",
        said.err
    );
    let said = workshop.refused(&workshop.path("."), &[]);
    assert!(said.err.contains("it is no file"), "{}", said.err);
    let other = workshop.path("other.sqlite");
    hamgate().args(["key", "add", "blog.example", "--store"]).arg(&other).assert().success();
    let said = workshop.refused(&other, &["--site", "x.example"]);
    assert!(said.err.contains("not one of Isso") && said.err.contains("dbpath"), "{}", said.err);
    said_usage(&workshop, &["--encoding", "klingon"], "is no encoding");
    said_usage(&workshop, &["--site", "not a site"], "no address of a site");
}

fn said_usage(workshop: &Workshop, arguments: &[&str], expected: &str) {
    let said = said(&mut workshop.import(&export("wordpress.xml"), arguments), 2);
    assert!(said.err.contains(expected), "{}", said.err);
}

#[test]
fn a_text_in_another_encoding_is_read_when_the_user_names_it() {
    let workshop = Workshop::new();
    let file = workshop.write("old.csv", b"content,label\nSch\xf6ne Gr\xfc\xdfe,ham\n");
    let said = workshop.refused(&file, &["--site", "x.example"]);
    assert!(
        said.err.contains("beyond line 2, byte 17") && said.err.contains("--encoding windows-1252"),
        "{}",
        said.err
    );
    let out = workshop.imported(&file, &["--site", "x.example", "--encoding", "windows-1252"]).out;
    assert_eq!(table(&out), changes((1, 0), (0, 0), (0, 0)));
}

#[test]
fn nothing_that_identifies_a_visitor_reaches_the_store() {
    let workshop = Workshop::new();
    for (name, site) in [
        ("wordpress.xml", None),
        ("comments.csv", Some("w.example")),
        ("disqus.xml", Some("k.example")),
        ("comments.jsonl", None),
    ] {
        let site: Vec<&str> = site.map_or(Vec::new(), |site| vec!["--site", site]);
        workshop.imported(&export(name), &site);
    }
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(workshop.path("")).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("never on oak") && has("post.example"));
    for secret in ["192.0.2", "joern.petersen", "henrike.moll", "maren.voss", "priya@", "rosa.lind", "kit.oda"] {
        assert!(!has(secret), "the store holds {secret}");
    }
}

#[test]
fn what_people_said_here_outlasts_every_import() {
    let workshop = Workshop::new();
    let site = ["--site", "blog.example"];
    let ham = workshop.write("ham.csv", "content,label\nCheap watches,ham\n");
    let spam = workshop.write("spam.csv", "content,label\nCheap watches,spam\n");
    workshop.imported(&ham, &site);
    // Only imports have spoken so far.
    assert_eq!(table(&workshop.imported(&spam, &site).out), changes((0, 0), (0, 0), (0, 1)));
    say_in_the_store(&workshop.path("store.sqlite"), "Cheap watches", Label::Ham);
    for _ in 0..2 {
        let said = table(&workshop.imported(&spam, &site).out);
        let mut expected = changes((0, 0), (0, 0), (0, 0));
        expected.push(("kept what was said here".to_owned(), 0, 1));
        assert_eq!(said, expected);
    }
    assert_eq!(table(&workshop.imported(&ham, &site).out), changes((0, 0), (1, 0), (0, 0)));
}

/// As the blog's feedback would.
fn say_in_the_store(path: &Path, content: &str, label: Label) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&path.to_owned().into(), StoreOptions::default()).await.unwrap();
        let target = Target::Comment {
            site: "blog.example".parse().unwrap(),
            comment: Comment::from_text(content.to_owned()).unwrap(),
        };
        let corrected =
            store.correct(Correction { target, label, origin: Origin::Api, at: 1_790_000_000 }).await.unwrap();
        assert_eq!(corrected.change, Change::Relabelled);
        store.close().await;
    });
}

#[test]
fn of_a_comment_with_both_labels_the_first_counts_at_every_import() {
    let workshop = Workshop::new();
    let file = workshop.write("both.csv", "content,label\nSame,ham\nSame,spam\nSame,ham\nOther,spam\n");
    let site = ["--site", "blog.example"];
    for expected in [changes((1, 1), (1, 0), (0, 0)), changes((0, 0), (2, 1), (0, 0)), changes((0, 0), (2, 1), (0, 0))]
    {
        let out = workshop.imported(&file, &site).out;
        assert_eq!(table(&out), expected);
        assert!(out.contains("\n  1 with the other label before; the first one counts\n"), "{out}");
    }
    let out = workshop.imported(&file, &["--site", "blog.example", "--dry-run"]).out;
    assert_eq!(table(&out), [("would be imported".to_owned(), 2, 1)]);
}

#[test]
fn the_figures_of_a_model_are_told_only_when_something_changed_and_of_five_sites() {
    let workshop = Workshop::new();
    let rows = (0..7).map(|n| {
        format!(
            "{{\"content\":\"Thanks\",\"label\":\"ham\",\"site\":\"s{n}.example\"}}\n\
                 {{\"content\":\"Buy\",\"label\":\"spam\",\"site\":\"s{n}.example\"}}\n"
        )
    });
    let file = workshop.write("many.jsonl", rows.collect::<String>());
    let out = workshop.imported(&file, &[]).out;
    assert_eq!(out.matches("puts that model in service").count(), 5, "{out}");
    assert!(out.contains("No figures for s5.example and those after it"), "{out}");
    let out = workshop.imported(&file, &[]).out;
    assert!(!out.contains("puts that model in service") && out.contains("s6.example now has 1 ham"), "{out}");
}

#[test]
fn a_date_that_cannot_be_is_none() {
    let workshop = Workshop::new();
    let ats = ["-9223372036854775808", "9223372036854775807", "0", "1790000000"];
    let rows =
        ats.map(|at| format!("{{\"content\":\"At {at}\",\"label\":\"ham\",\"site\":\"b.example\",\"at\":{at}}}\n"));
    workshop.imported(&workshop.write("dates.jsonl", rows.concat()), &[]);
    let out = said(hamgate().arg("export").arg("--store").arg(workshop.path("store.sqlite")), 0).out;
    let year = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["date"].as_str().unwrap()[..4].parse::<u32>().unwrap()
    };
    let years: Vec<u32> = out.lines().map(year).collect();
    assert_eq!(years.len(), 4, "{out}");
    assert!(years.iter().all(|year| (2024..2200).contains(year)), "{out}");
    assert_eq!(out.matches("2026-09-21T14:13:20Z\",\"test\"").count(), 1, "{out}");
}

#[test]
fn an_import_creates_the_store_and_commands_that_only_look_do_not() {
    let workshop = Workshop::new();
    let typo = workshop.path("typo.sqlite");
    let commands: [&[&str]; 7] = [
        &["store"],
        &["export"],
        &["forget", "--author", "x", "--yes"],
        &["label", "00000000000000000000000000000000", "spam"],
        &["rollback", "blog.example"],
        &["key", "list"],
        &["train"],
    ];
    for arguments in commands {
        let said = said(hamgate().args(arguments).arg("--store").arg(&typo), 1);
        assert!(
            said.err.contains("there is no store at") && said.err.contains("hint: "),
            "{arguments:?}: {}",
            said.err
        );
        assert!(!typo.exists(), "{arguments:?}");
    }
}

#[test]
fn no_command_tells_the_password_of_a_store() {
    let file = export("comments.jsonl");
    let commands: [&[&str]; 6] = [
        &["store"],
        &["serve"],
        &["key", "list"],
        &["import", file.to_str().unwrap()],
        &["train", "--store"],
        &["export"],
    ];
    for address in [
        "postgres://anna:s3cret@h/x?sslmode=require",
        "postgres://anna:s3cret@h:many/x",
        "postgres://anna@h/x?pasword=s3cret",
        "mysql://anna:s3cret@h/x",
    ] {
        for arguments in commands {
            let output = hamgate().env("HAMGATE_STORE", address).args(arguments).output().unwrap();
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(!output.status.success() && !told.contains("s3cret"), "{arguments:?}: {told}");
            assert!(told.contains("HAMGATE_STORE"), "{arguments:?}: {told}");
            // Nor when it is given as an argument, or is only shown by the help.
            if !arguments.contains(&"--store") {
                let output = hamgate().args(arguments).args(["--store", address]).output().unwrap();
                let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                assert!(output.status.code() == Some(2) && !told.contains("s3cret"), "{arguments:?}: {told}");
            }
            let output = hamgate().env("HAMGATE_STORE", address).args(arguments).arg("--help").output().unwrap();
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(told.contains("--store") && !told.contains("s3cret"), "{arguments:?}: {told}");
        }
    }
}
