use std::io::{self, Cursor, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hamgate::import::{Entry, Format, Import, ImportError, ImportOptions, Imported, MAX_COMMENT_BYTES, Status, Why};
use proptest::prelude::*;

use crate::support::isso;

fn export(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/exports").join(name)
}

fn open(path: &Path) -> Vec<Entry> {
    Import::open(path, ImportOptions::default()).unwrap().map(Result::unwrap).collect()
}

/// What a text says before it ends or goes wrong.
fn read_as(text: impl AsRef<[u8]>, format: Option<Format>) -> (Vec<Entry>, Option<ImportError>) {
    let options = ImportOptions { format, encoding: None };
    let mut entries = Vec::new();
    match Import::of(Path::new("export"), Cursor::new(text.as_ref().to_vec()), options) {
        Err(error) => return (entries, Some(error)),
        Ok(import) => {
            for entry in import {
                match entry {
                    Ok(entry) => entries.push(entry),
                    Err(error) => return (entries, Some(error)),
                }
            }
        }
    }
    (entries, None)
}

fn read(text: impl AsRef<[u8]>) -> (Vec<Entry>, Option<ImportError>) {
    read_as(text, None)
}

/// An entry as a line, so that a test can be read.
fn told(entry: &Entry) -> String {
    match entry {
        Entry::LeftOut(left) => format!("{left}: {}", left.why),
        Entry::Comment(Imported { comment, status, at, comment_type, site }) => {
            let or_dash = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
            let site = site.as_ref().map(ToString::to_string);
            [
                or_dash(&comment.id),
                format!("{status:?}"),
                at.map_or("-".to_owned(), |at| at.to_string()),
                or_dash(comment_type),
                or_dash(&site),
                or_dash(&comment.lang),
                or_dash(&comment.author),
                or_dash(&comment.email_domain),
                or_dash(&comment.author_url),
                or_dash(&comment.post_title),
                or_dash(&comment.post_url),
                comment.content.clone(),
            ]
            .join("|")
        }
    }
}

fn check(name: &str, expected: &[&str]) {
    let told: Vec<String> = open(&export(name)).iter().map(told).collect();
    assert_eq!(told, expected, "{name}");
}

#[test]
fn an_export_of_wordpress_is_read_with_its_posts() {
    let pump = "Die alte Pumpe läuft wieder|https://www.werkbank.example/blog/pumpe";
    let blog = "werkbank.example/blog|de-DE";
    check(
        "wordpress.xml",
        &[
            &format!(
                "101|Approved|1790842500|comment|{blog}|Jörn Petersen|post.example|https://petersen.example/?a=1&b=2|{pump}|\
                 Bei meiner war es das Rückschlagventil. \"Läuft\" ist relativ &#8211; sie <em>hustet</em> noch."
            ),
            &format!(
                "102|Approved|1790852400|-|{blog}|Henrike|werkbank.example|-|{pump}|\
                 Danke! Im Code stand a[b[0]]> und das war der Fehler."
            ),
            &format!(
                "103|Spam|1790910000|comment|{blog}|Kredit Sofort|angebot.example|http://kredit.example|{pump}|\
                 Geld ohne Auskunft <a href=\"http://kredit.example\">hier</a> &nbsp; 💶"
            ),
            &format!("104|Pending|1790996400|comment|{blog}|Alma|-|-|{pump}|Kann man die Dichtung einzeln kaufen?"),
            &format!("105|Bin|-|comment|{blog}|Alma|-|-|{pump}|Doppelt, bitte löschen"),
            "106 (line 89): not from a visitor, but a note or a trial",
            &format!(
                "107|Approved|1791117000|pingback|{blog}|A shed in Kent|-|https://shed.example/2026/box|\
                 Spring bulbs in a wooden box|https://www.werkbank.example/blog/bulbs|\
                 [&#8230;] we built the same box from pallets [&#8230;]"
            ),
            "108 (line 110): without a text",
            &format!(
                "109|Bin|-|comment|{blog}|Ida|-|-|Spring bulbs in a wooden box|https://www.werkbank.example/blog/bulbs|\
                 Of a post that is gone"
            ),
            "110 (line 124): without a label or a known status",
        ],
    );
}

#[test]
fn a_table_of_wp_cli_is_read_with_the_quotation_marks_of_php() {
    let oil = "https://werkbank.example/blog/oel";
    let paint = "https://werkbank.example/blog/lack";
    check(
        "comments.csv",
        &[
            &format!(
                "201|Approved|1790842500|comment|-|-|Maren Voss|post.example|https://voss.example|-|{oil}|\
                 Ich nehme \"Leinöl\", zwei Anstriche,\ndazwischen drei Tage."
            ),
            &format!(
                "202|Approved|1790928900|comment|-|-|Priya|mail.example|-|-|{oil}|\
                 He told me \\\"never on oak\\\", and I believed it"
            ),
            &format!(
                "203|Spam|1790932500|comment|-|-|Best Watches|watch.example|http://watch.example|-|{paint}|\
                 Original quality, half price"
            ),
            &format!("204|Pending|1790936100|-|-|-|Ole|-|-|-|{paint}|@Maren: welche Firma?"),
            "205 (line 7): without a text",
            "206 (line 8): not from a visitor, but a note or a trial",
            &format!("207|Bin|1790946900|comment|-|-|Ole|-|-|-|{paint}|Vergiss es"),
        ],
    );
    check(
        "plain.csv",
        &["-|Approved|-|-|-|-|-|-|-|-|-|Sehr schöner Beitrag", "-|Spam|-|-|-|-|-|-|-|-|-|Buy now; pay never"],
    );
}

#[test]
fn an_export_of_disqus_is_read_in_either_nesting() {
    let kettle = "Why the kettle whistles|https://kettle.example/whistle";
    check(
        "disqus.xml",
        &[
            &format!(
                "301|Approved|1788332400|-|-|-|Rosa|mail.example|-|{kettle}|<p>Mine only whistles when the lid is crooked.</p>"
            ),
            &format!(
                "302|Spam|1788418800|-|-|-|Lucky|-|-|{kettle}|<p>Slots with bonus <a href=\"http://slots.example\">here</a></p>"
            ),
            &format!("303|Bin|1788415200|-|-|-|Rosa|-|-|{kettle}|<p>Falscher Beitrag, Verzeihung</p>"),
            "304|Pending|-|-|-|-|Emil|-|-|-|-|Und bei Gas?",
            "305 (line 55): without a text",
        ],
    );
    let chalk = "Kalk muss raus|https://kettle.example/descale";
    check(
        "nested-disqus.xml",
        &[
            &format!("311|Approved|-|-|-|-|Emil|-|-|{chalk}|Essig reicht völlig"),
            &format!("312|Approved|-|-|-|-|Kit|-|-|{chalk}|Citric acid smells better"),
        ],
    );
}

#[test]
fn json_lines_of_our_own_are_read_back() {
    check(
        "comments.jsonl",
        &[
            "401|Approved|1790000000|comment|kettle.example|-|Kit|mail.example|-|-|-|Ours came from my grandmother",
            "402|Spam|1789997600|-|kettle.example|-|-|-|-|-|-|Cheap kettles wholesale http://bulk.example",
            "403|Pending|-|-|kettle.example|-|-|-|-|-|-|Noch nicht angesehen",
            "404 (line 4): without a label or a known status",
            "405 (line 5): without a text",
            "406 (line 6): not from a visitor, but a note or a trial",
            // What is no id is not repeated.
            "line 8: without a text",
        ],
    );
}

#[test]
fn a_database_of_isso_is_read_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anything");
    isso::make(&path);
    let before = std::fs::read(&path).unwrap();
    let told: Vec<String> = open(&path).iter().map(told).collect();
    let post = "Wo die Schrauben liegen|/schrauben/";
    assert_eq!(
        told,
        [
            format!(
                "1|Approved|1790000000|-|-|-|Tove|mail.example|https://tove.example|{post}|In der Dose neben dem Tee"
            ),
            format!("2|Pending|1790000100|-|-|-|-|-|-|{post}|Earn money from home"),
            "3: without a text".to_owned(),
            format!("4: longer than {} KiB", MAX_COMMENT_BYTES / 1024),
            "5: with bytes that are no text".to_owned(),
            "6|Approved|1790000500|-|-|-|Anon|-|-|-|-|a thread that is gone".to_owned(),
            "7: without a label or a known status".to_owned(),
        ]
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "SQLite left something behind");
}

#[test]
fn neither_addresses_of_machines_nor_of_people_are_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    isso::make(&folder.path().join("isso"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(export("")).unwrap().map(|file| file.unwrap().path()).collect();
    files.push(folder.path().join("isso"));
    assert!(files.len() >= 7);
    for file in files {
        let told = format!("{:?}", open(&file));
        for secret in ["192.0.2", "petersen@", "henrike.moll", "maren.voss", "priya@", "rosa.lind", "kit.oda", "tove.k"]
        {
            assert!(!told.contains(secret), "{} gives away {secret}", file.display());
        }
    }
}

#[test]
fn of_an_address_where_a_domain_belongs_the_domain_alone_is_kept() {
    let table = "content,label,email_domain\nfine,ham,Jo.Doe@Mail.example\nfine,ham,nobody@\nfine,ham,Mail.example\n";
    let lines = r#"{"content":"fine","label":"ham","email_domain":"Jo.Doe@Mail.example"}"#;
    for (text, expected) in
        [(table, &[Some("mail.example"), None, Some("mail.example")][..]), (lines, &[Some("mail.example")])]
    {
        let (entries, error) = read(text);
        assert_eq!(error.map(|error| error.to_string()), None);
        let domains: Vec<Option<String>> = entries
            .into_iter()
            .map(|entry| match entry {
                Entry::Comment(found) => found.comment.email_domain,
                Entry::LeftOut(left) => panic!("{left}"),
            })
            .collect();
        assert_eq!(domains.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_is_packed_or_called_something_else_is_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["wordpress.xml", "comments.csv", "disqus.xml", "comments.jsonl"] {
        let plain = std::fs::read(export(name)).unwrap();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&plain).unwrap();
        let path = folder.path().join("export.dat");
        std::fs::write(&path, packer.finish().unwrap()).unwrap();
        assert_eq!(open(&path), open(&export(name)), "{name}");
    }
}

#[test]
fn a_declared_encoding_is_decoded() {
    let text = std::fs::read_to_string(export("wordpress.xml")).unwrap();
    let text = text.replace("encoding=\"UTF-8\"", "encoding=\"windows-1252\"");
    let (bytes, _, lossy) = encoding_rs::WINDOWS_1252.encode(&text);
    assert!(!lossy);
    let (entries, error) = read(&bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(entries, open(&export("wordpress.xml")));
}

/// WXR around what is in its channel.
fn wxr(channel: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\">\n<channel>\n{channel}\n</channel>\n</rss>\n"
    )
}

fn wxr_comment(content: &str) -> String {
    wxr(&format!(
        "<item><wp:comment><wp:comment_id>1</wp:comment_id><wp:comment_content>{content}</wp:comment_content>\
         <wp:comment_approved>1</wp:comment_approved></wp:comment></item>"
    ))
}

#[test]
fn bad_files_are_refused_with_the_place_and_what_to_do() {
    let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE rss [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;\">]>\n\
                <rss><channel><item><wp:comment><wp:comment_content>&c;</wp:comment_content></wp:comment></item></channel></rss>";
    let late_bomb = wxr("<!DOCTYPE x [<!ENTITY a \"ha\">]>");
    let deep = wxr(&"<a>".repeat(100_000));
    let long_name = wxr(&format!("<{}>", "n".repeat(1000)));
    let table: [(&str, Vec<u8>, &str, &str); 24] = [
        ("nothing", Vec::new(), "it is empty", "export again"),
        ("white space", b" \n \n".to_vec(), "it is empty", "export again"),
        ("prose", b"Dear diary, today".to_vec(), "like nothing that is known", "docs/import.md"),
        ("a page", b"<!DOCTYPE html>\n<html><body>Log in".to_vec(), "web page", "docs/import.md"),
        ("a page without type", b"<html><body>Log in".to_vec(), "web page", "docs/import.md"),
        ("a feed of another kind", b"<feed><entry/></feed>".to_vec(), "neither WordPress nor Disqus", "docs/import.md"),
        ("a dump", b"-- MySQL dump 10.13\nINSERT INTO wp_comments".to_vec(), "dump of SQL", "docs/import.md"),
        ("an array", b"[{\"content\":\"x\"}]".to_vec(), "jq -c", "docs/import.md"),
        ("an entity bomb", bomb.as_bytes().to_vec(), "document type (DOCTYPE)", "export again"),
        ("a bomb inside", late_bomb.into_bytes(), "line 4, byte 100: it has a document type", "export again"),
        ("deep nesting", deep.into_bytes(), "deeper than 64", "export again"),
        ("a long name", long_name.into_bytes(), "longer than 256 bytes", "export again"),
        (
            "cut short",
            wxr("").as_bytes()[..72].to_vec(),
            "line 5, byte 72: it ends too early",
            "importing twice is safe",
        ),
        ("cut in a tag", b"<rss><chan".to_vec(), "ends too early", "importing twice is safe"),
        (
            "crossed tags",
            wxr("<item></channel>").into_bytes(),
            "line 4, byte 85: this is not XML: an element is closed",
            "mend",
        ),
        ("an early end", wxr("</channel></rss></rss>").into_bytes(), "closed that was not opened", "mend"),
        ("another encoding", wxr_comment("\u{fc}").chars().map(|c| c as u8).collect(), "not UTF-8", "--encoding"),
        (
            "a made-up encoding",
            b"<?xml version='1.0' encoding='klingon'?><rss/>".to_vec(),
            "an encoding that is not known",
            "--encoding",
        ),
        ("a NUL byte", wxr_comment("a\0b").into_bytes(), "NUL byte", "damaged"),
        (
            "a table without texts",
            b"comment_ID,comment_author,comment_approved\n1,x,1\n".to_vec(),
            "no column `comment_content`",
            "--fields=comment_ID",
        ),
        (
            "a table without statuses",
            b"comment_ID,comment_content\n1,x\n".to_vec(),
            "no column `comment_approved`",
            "--fields=comment_ID",
        ),
        (
            "a short record",
            b"content,label\nx,ham\ny\n".to_vec(),
            "line 3: a record has 1 columns, and the header has 2",
            "quotation mark",
        ),
        (
            "an open mark",
            b"content,label\nx,ham\n\"y,ham\nz,ham\n".to_vec(),
            "ends too early",
            "importing twice is safe",
        ),
        (
            "JSON of a wrong type",
            b"{\"content\":\"a\",\"label\":\"ham\"}\n{\"content\":7}\n".to_vec(),
            "line 2: field `content` must be a string",
            "mend the line",
        ),
    ];
    for (what, bytes, expected, hint) in table {
        let (_, error) = read(bytes);
        let error = error.unwrap_or_else(|| panic!("{what} is taken"));
        let blame = blame(&error);
        assert!(blame.contains(expected), "{what} gave: {blame}");
        assert!(error.hint().contains(hint), "{what} gave the hint: {}", error.hint());
    }
}

/// Where and what, in a line.
fn blame(error: &ImportError) -> String {
    let place = error.place.map(|place| place.to_string()).unwrap_or_default();
    format!("{place}: {}", error.fault)
}

#[test]
fn a_format_that_was_asked_for_is_held_against_the_content() {
    let wordpress = std::fs::read(export("wordpress.xml")).unwrap();
    assert!(read_as(&wordpress, Some(Format::Wxr)).1.is_none());
    for format in [Format::Csv, Format::Disqus, Format::Isso, Format::JsonLines] {
        let error = read_as(&wordpress, Some(format)).1.unwrap();
        assert_eq!(error.fault.to_string(), format!("it is no {format}"));
    }
    // A table whose columns nobody knows is told apart from no table at all.
    let (_, error) = read_as("text,class\nx,1\n", Some(Format::Csv));
    assert!(error.unwrap().fault.to_string().contains("no column `comment_content`"));
}

#[test]
fn what_comes_before_the_bad_place_is_read() {
    let good = wxr_comment("one");
    let (entries, error) = read(good.replace("</channel>", "<item>"));
    assert_eq!(entries.len(), 1);
    assert!(error.is_some());
    let (entries, error) = read("content,label\na,ham\nb,spam\nc\n");
    assert_eq!((entries.len(), error.is_some()), (2, true));
    let (entries, error) = read("{\"content\":\"a\",\"label\":\"ham\"}\nnonsense\n");
    assert_eq!((entries.len(), error.is_some()), (1, true));
}

#[test]
fn comments_too_long_are_named_and_the_rest_is_read() {
    let long = "x".repeat(MAX_COMMENT_BYTES + 1);
    let exact = "x".repeat(MAX_COMMENT_BYTES - 1);
    for (content, expected) in [(&long, true), (&exact, false)] {
        let (entries, error) = read(wxr_comment(content));
        assert!(error.is_none());
        assert_eq!(matches!(&entries[..], [Entry::LeftOut(left)] if left.why == Why::TooLong), expected);
        let (entries, _) = read(format!("{{\"content\":\"{content}\",\"id\":\"7\",\"label\":\"ham\"}}\n"));
        assert_eq!(matches!(&entries[..], [Entry::LeftOut(left)] if left.why == Why::TooLong), expected);
        let (entries, _) = read(format!("id,content,label\n1,{content},ham\n2,b,spam\n"));
        assert_eq!(entries.len(), 2);
        assert_eq!(matches!(&entries[0], Entry::LeftOut(left) if left.why == Why::TooLong), expected);
    }
    let many_fields = wxr_comment("x")
        .replace("<wp:comment_id>", &format!("<wp:comment_author>{long}</wp:comment_author><wp:comment_id>"));
    assert!(
        matches!(&read(many_fields).0[..], [Entry::LeftOut(left)] if left.why == Why::TooLong && left.id.as_deref() == Some("1"))
    );
}

/// Counts what is read of it.
struct Counting<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A file that says something for ever.
fn endless(start: &str, again: &'static str) -> impl Read + Send + 'static {
    struct Again(&'static [u8], usize);
    impl Read for Again {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in &mut *buffer {
                *byte = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(buffer.len())
        }
    }
    Cursor::new(start.to_owned()).chain(Again(again.as_bytes(), 0))
}

#[test]
fn whatever_has_no_end_is_given_up_in_bounded_memory() {
    let open = "<rss><channel><item><wp:comment>";
    let table: [(&str, &'static str, &str); 11] = [
        (&format!("{open}<wp:comment_content>"), "x", "larger than 16 MiB"),
        (&format!("{open}<wp:comment_content><![CDATA["), "x", "larger than 16 MiB"),
        (&format!("{open}<wp:comment_content>"), "<![CDATA[some text]]>", "larger than 16 MiB"),
        (&format!("{open}<wp:comment_content>"), "&amp;", "larger than 16 MiB"),
        (&format!("{open}<wp:comment_content>"), "<b>x</b>", "larger than 16 MiB"),
        (&format!("{open}<!-- "), "x", "larger than 16 MiB"),
        (&format!("{open}<?"), "x", "larger than 16 MiB"),
        (&format!("{open}<a "), "b='c' ", "larger than 16 MiB"),
        (&format!("{open}<"), "b", "larger than 16 MiB"),
        (open, "<a>", "deeper than 64"),
        ("content,label\n\"", "x", "larger than 16 MiB"),
    ];
    for (start, again, expected) in table {
        let read = Arc::new(AtomicU64::new(0));
        let input = Counting { inner: endless(start, again), read: Arc::clone(&read) };
        let mut import = Import::of(Path::new("export"), input, ImportOptions::default()).unwrap();
        let error = import.next().unwrap().unwrap_err();
        assert!(error.fault.to_string().contains(expected), "{start}{again}… gave: {}", error.fault);
        assert!(error.place.is_some(), "{start}{again}… has no place");
        let read = read.load(Ordering::Relaxed);
        assert!(read < 20 << 20, "{start}{again}… was read for {read} bytes");
        assert!(import.next().is_none());
    }
}

#[test]
fn a_line_without_end_is_skipped_without_being_held() {
    let line = Cursor::new("{\"content\":\"")
        .chain(io::repeat(b'x').take(100 << 20))
        .chain(Cursor::new("\"}\n{\"content\":\"b\",\"label\":\"ham\"}\n"));
    let import = Import::of(Path::new("export"), line, ImportOptions::default()).unwrap();
    let told: Vec<String> = import.map(|entry| told(&entry.unwrap())).collect();
    assert_eq!(told, ["line 1: longer than 64 KiB", "-|Approved|-|-|-|-|-|-|-|-|-|b"]);
}

#[test]
fn many_attributes_take_linear_time() {
    let attributes = "a='' ".repeat(300_000);
    let started = std::time::Instant::now();
    let (entries, error) = read(format!("<disqus><post {attributes}><message>x</message></post></disqus>"));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(entries.len(), 1);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn a_file_cut_at_any_byte_is_an_error_or_the_whole_beginning() {
    for name in ["wordpress.xml", "disqus.xml", "nested-disqus.xml", "comments.csv", "comments.jsonl"] {
        let whole = std::fs::read(export(name)).unwrap();
        let all = open(&export(name));
        for end in 0..whole.len() {
            let (entries, error) = read(&whole[..end]);
            // Of a table the last status may be gone: that row is named and not taken.
            if let Some(Entry::LeftOut(left)) = entries.last()
                && left.why == Why::NoStatus
                && entries.len() <= all.len()
                && entries.last() != all.get(entries.len() - 1)
            {
                assert!(name.ends_with("csv"), "{name} cut at {end}");
                assert!(all.starts_with(&entries[..entries.len() - 1]), "{name} cut at {end}");
                continue;
            }
            assert!(all.starts_with(&entries), "{name} cut at {end} gives {:?}", entries.last());
            if error.is_none() && entries.len() < all.len() {
                // Of a table the end of a row may be gone that is left out anyway.
                let ends_a_row = whole.get(end) == Some(&b'\n') || whole[..end].ends_with(b"\n");
                let ends_a_row = ends_a_row || matches!(entries.last(), Some(Entry::LeftOut(_)));
                assert!(ends_a_row && !name.ends_with("xml"), "{name} cut at {end} is no error");
            }
        }
    }
}

/// The smallest writer of WXR there can be, as WordPress does it.
fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

/// The other way to write text in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

proptest! {
    #[test]
    fn any_text_survives_wxr(content in "[^\0]*[^\0\\s][^\0]*", author in "[^\0]{0,20}", plain in any::<bool>()) {
        let write = if plain { escaped } else { cdata };
        let document = wxr(&format!(
            "<item><title>{}</title><wp:comment><wp:comment_author>{}</wp:comment_author><wp:comment_content>{}</wp:comment_content>\
             <wp:comment_approved>spam</wp:comment_approved></wp:comment></item>",
            write(&author), write(&author), write(&content)
        ));
        let (entries, error) = read(document);
        prop_assert!(error.is_none(), "{:?}", error);
        let Entry::Comment(imported) = &entries[0] else { panic!("left out") };
        prop_assert_eq!(&imported.comment.content, &content);
        prop_assert_eq!(imported.comment.author.as_deref().unwrap_or_default(), author.trim());
        prop_assert_eq!(imported.comment.post_title.as_deref().unwrap_or_default(), author.trim());
        prop_assert_eq!(imported.status, Status::Spam);
    }

    #[test]
    fn any_markup_is_read_or_refused(parts in proptest::collection::vec(
        prop_oneof![
            Just("<rss>"), Just("<disqus>"), Just("</disqus>"), Just("<post dsq:id='1'>"), Just("<post"), Just("</post>"), Just("<thread id=\"&\">"), Just("</thread>"),
            Just("<message/>"), Just("<message>"), Just("</message>"), Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("-->"), Just("<!-->"), Just("<?"), Just("?>"),
            Just("<!"), Just("<"), Just(">"), Just("&"), Just(";"), Just("&#0;"), Just("&#x110000;"), Just("&lt;"), Just("/"), Just("="), Just("'"), Just("\""), Just("ü"), Just(" "), Just("author"), Just("<author><name>"),
        ], 0..25), root in prop_oneof![Just("<disqus>"), Just("<rss><channel><item><wp:comment>"), Just("<disqus><thread><post>")]
    ) {
        let text = format!("{root}{}", parts.concat());
        let (entries, error) = read(&text);
        prop_assert!(error.is_some() || !entries.is_empty() || text.contains("</"), "{}", text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), format in prop_oneof![Just(""), Just("content,label\n"), Just("{\"content\":\"x\",\"label\":\"ham\"}\n"), Just("comment_content,comment_approved\n")]) {
        let bytes = [format.as_bytes(), &bytes].concat();
        let (entries, error) = read(&bytes);
        prop_assert!(entries.len() <= bytes.len() && (error.is_some() || !bytes.is_empty()));
    }
}

#[test]
fn a_label_is_a_word_and_a_status_may_be_a_number_of_wordpress() {
    for (text, refused) in [
        ("content,label\nx,1\n", true),
        ("content,label\nx,0\n", true),
        ("content,label\nx, 1.0\n", true),
        ("{\"content\":\"x\",\"label\":1}\n", true),
        ("{\"content\":\"x\",\"label\":\"0\"}\n", true),
        ("content,label\nx,Spam\n", false),
        ("content,status\nx,1\n", false),
        ("comment_content,comment_approved\nx,0\n", false),
        ("{\"content\":\"x\",\"status\":\"1\"}\n", false),
    ] {
        let (entries, error) = read(text);
        assert_eq!((entries.len(), error.is_some()), (usize::from(!refused), refused), "{text}: {error:?}");
        if let Some(error) = error {
            assert!(error.fault.to_string().contains("label is a number") && error.place.is_some(), "{text}");
        }
    }
    let (entries, _) = read("content,label\nx,approved\n");
    assert_eq!(told(&entries[0]), "line 2: without a label or a known status");
}

#[test]
fn every_kind_of_comment_is_read_back_from_json_lines() {
    for kind in ["forum-post", "reply", "contact-form", "signup", "message"] {
        let (entries, error) = read(format!("{{\"content\":\"x\",\"label\":\"ham\",\"comment_type\":\"{kind}\"}}\n"));
        assert!(error.is_none());
        assert!(told(&entries[0]).starts_with(&format!("-|Approved|-|{kind}|")), "{}", told(&entries[0]));
    }
}

/// A database of these statements.
fn database(folder: &Path, statements: &[&str]) -> PathBuf {
    let path = folder.join("hostile.db");
    isso::run(&path, statements);
    path
}

#[test]
fn a_database_with_views_or_without_keys_is_none_of_isso() {
    let threads = "CREATE TABLE threads (id INTEGER PRIMARY KEY, uri, title)";
    let columns = "tid, created, mode, text, author, email, website";
    for statements in [
        [threads.to_owned(), format!("CREATE TABLE comments (id INTEGER, {columns})")],
        [threads.to_owned(), format!("CREATE TABLE comments (id TEXT PRIMARY KEY, {columns})")],
        [
            "CREATE TABLE threads (id, uri, title)".to_owned(),
            format!("CREATE TABLE comments (id INTEGER PRIMARY KEY, {columns})"),
        ],
        [
            threads.to_owned(),
            "CREATE VIEW comments AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) \
             SELECT 1 tid, id, 1 created, 1 mode, 'x' text, '' author, '' email, '' website FROM n"
                .to_owned(),
        ],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = database(folder.path(), &statements.each_ref().map(String::as_str));
        let error = Import::open(&path, ImportOptions::default()).unwrap_err();
        assert!(error.fault.to_string().contains("not one of Isso"), "{statements:?}: {error:?}");
    }
}

#[test]
fn cells_of_any_length_and_type_are_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("isso.db");
    isso::make(&path);
    let insert = |id: i32, tid: &str, created: &str, mode: &str, text: &str, author: &str| {
        format!(
            "INSERT INTO comments VALUES ({tid}, {id}, NULL, {created}, NULL, {mode}, '', {text}, {author}, NULL, NULL, 0, 0, X'', 0)"
        )
    };
    let long = "zeroblob(50000000)";
    let statements = [
        "DELETE FROM comments".to_owned(),
        insert(1, "1", "1790000000", "1", long, "NULL"),
        insert(2, "1", "1790000000", "1", "'x'", long),
        // Long in bytes, cut nowhere within a character.
        insert(3, "1", "1790000000", "1", "'x'", "'a' || replace(hex(zeroblob(40000)), '0', 'ä')"),
        insert(4, long, long, "1", "'of no thread and no date'", "NULL"),
        insert(5, "1", "1790000000", long, "'of no mode'", "NULL"),
        insert(6, "1", "1790000000", "1", "42", "'ä'"),
    ];
    isso::run(&path, &statements.each_ref().map(String::as_str));
    let told: Vec<String> = open(&path).iter().map(told).collect();
    let too_long = format!("longer than {} KiB", MAX_COMMENT_BYTES / 1024);
    assert_eq!(
        told,
        [
            format!("1: {too_long}"),
            format!("2: {too_long}"),
            format!("3: {too_long}"),
            "4|Approved|-|-|-|-|-|-|-|-|-|of no thread and no date".to_owned(),
            "5: without a label or a known status".to_owned(),
            "6|Approved|1790000000|-|-|-|ä|-|-|Wo die Schrauben liegen|/schrauben/|42".to_owned(),
        ]
    );
}
