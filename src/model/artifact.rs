//! The model file: data only, versioned, checksummed, and refused with a reason when anything about it is wrong.
//!
//! The format is [safetensors](https://github.com/huggingface/safetensors): a length, a JSON header, then numbers. A header entry
//! `hamgate` holds [`Envelope`]: the format version, the feature revision, a SHA-256 of everything that matters, and the model's
//! settings and card. Per view there are four tensors: `VIEW.codes` (one code per bucket, 16 bits where they suffice), and by code
//! `VIEW.ham_counts`, `VIEW.spam_counts` and `VIEW.log_odds`. Nothing in the file is executed, and no size in it is believed before it is checked.
//!
//! Writing goes to a temporary file beside the target, is synced and then renamed, so whoever reads the target sees the old
//! model or the new one, never half of either.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View as TensorView};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::comment::Comment;
use crate::text::{FEATURE_REVISION, View};
use crate::verdict::{ModelId, Thresholds};

use super::card::ModelCard;
use super::classifier::{Classifier, Table};
use super::combination::Combination;

/// Version of the file format this program reads and writes.
pub const MODEL_VERSION: u32 = 1;

/// Name of our entry in the safetensors header.
const ENTRY: &str = "hamgate";

/// A file larger than this is refused before it is read: the shipped model has about 4 MiB.
const MOST_BYTES: u64 = 256 << 20;

/// Texts whose evidence is stored in the file and compared on reading: a program whose features have changed without a new
/// revision would score them differently.
const PROBES: [&str; 2] = [
    "Hallo Jana, das mit dem Newsletter probiere ich am Freitag gleich aus :-)",
    "CHEAP pills online!!! <a href=\"http://pharmacy-24.example/buy\">Buy now</a> 100% free",
];

/// Largest difference allowed between a probe's stored evidence and its evidence now.
const PROBE_TOLERANCE: f64 = 1e-6;

/// The model that is part of the program.
static EMBEDDED: &[u8] = include_bytes!("../../models/default.hamgate");

/// Why a file is not a model this program can use.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file cannot be read or written.
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    /// A folder, a pipe or a device: reading one could wait for ever.
    #[error("it is not a regular file but a folder, a pipe or a device")]
    NotAFile,
    /// Larger than any model.
    #[error("it has {bytes} bytes; no model has more than {MOST_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Shorter than its header says.
    #[error("it ends too early; it was cut off while it was written or copied")]
    Truncated,
    /// Not a safetensors file, or one without our header entry.
    #[error("it is not a Hamgate model ({0})")]
    NotAModel(&'static str),
    /// Written by another version of the format.
    #[error("it has format version {found}, and this program reads version {MODEL_VERSION}")]
    OtherVersion {
        /// The file's version.
        found: u32,
    },
    /// Trained with other features.
    #[error("it was trained with feature revision {found}, and this program has revision {FEATURE_REVISION}")]
    OtherRevision {
        /// The file's revision.
        found: u32,
    },
    /// Its bytes are not those that were written.
    #[error("its checksum is wrong; a part of it was damaged or edited")]
    Checksum,
    /// A table is missing, or has the wrong type or size.
    #[error("its table `{tensor}` {problem}")]
    Table {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A number is infinite or not a number.
    #[error("its part `{part}` holds a number that is not finite")]
    NotFinite {
        /// Which part.
        part: String,
    },
    /// The settings are not what they should be.
    #[error("its settings cannot be understood: {0}")]
    Settings(String),
    /// It scores a known text differently than when it was trained.
    #[error("it fails its self-test: a known text has evidence {found}, and had {expected} when the model was trained")]
    SelfTest {
        /// What was stored.
        expected: f64,
        /// What this program computes.
        found: f64,
    },
}

impl ArtifactError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ArtifactError::Io(_) => "check the path and its permissions, or name no model to use the shipped one",
            ArtifactError::NotAFile => "name a model file, or name no model to use the shipped one",
            ArtifactError::OtherVersion { .. }
            | ArtifactError::OtherRevision { .. }
            | ArtifactError::SelfTest { .. } => {
                "train it again with `hamgate train --corpus … --out MODEL`, or name no model to use the shipped one"
            }
            _ => "copy the file again or train it again with `hamgate train --corpus … --out MODEL`",
        }
    }
}

/// Our entry in the header. The checksum covers `settings` byte for byte and then every tensor.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    version: u32,
    feature_revision: u32,
    checksum: Cow<'a, str>,
    #[serde(borrow)]
    settings: &'a RawValue,
}

/// Everything of a model that is not a table.
#[derive(Serialize, Deserialize)]
struct Settings {
    combination: Combination,
    card: ModelCard,
    /// Evidence of each of [`PROBES`].
    probes: Vec<f64>,
}

impl Classifier {
    /// The shipped model, embedded in the program.
    ///
    /// # Panics
    /// Never in a program whose tests passed: one of them reads the embedded bytes.
    pub fn embedded() -> Self {
        Self::from_bytes(EMBEDDED).expect("the embedded model was read by a test of this very program")
    }

    /// Joins the parts of a fresh training; the id is that of the bytes [`Classifier::to_bytes`] will give.
    pub(super) fn assemble(
        tables: Vec<Table>,
        combination: Combination,
        thresholds: Thresholds,
        card: ModelCard,
    ) -> Self {
        let mut classifier = Classifier { id: ModelId::from_checksum(""), tables, combination, thresholds, card };
        let (_, checksum) = classifier.encode();
        classifier.id = ModelId::from_checksum(&checksum);
        classifier
    }

    /// Reads and fully checks a model file.
    ///
    /// # Errors
    /// Each way in which the file can be wrong, see [`ArtifactError`].
    pub fn read_file(path: &Path) -> Result<Self, ArtifactError> {
        // Asked before opening: to open a pipe that nobody writes to is to wait.
        if !std::fs::metadata(path)?.is_file() {
            return Err(ArtifactError::NotAFile);
        }
        let mut file = std::fs::File::open(path)?;
        let bytes = file.metadata()?.len();
        if bytes > MOST_BYTES {
            return Err(ArtifactError::TooLarge { bytes });
        }
        let mut content = Vec::with_capacity(bytes as usize);
        io::Read::by_ref(&mut file).take(MOST_BYTES).read_to_end(&mut content)?;
        Self::from_bytes(&content)
    }

    /// Reads and fully checks the bytes of a model file.
    ///
    /// # Errors
    /// Each way in which they can be wrong, see [`ArtifactError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
        let entry = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let entry = entry.ok_or(ArtifactError::NotAModel("its header has no `hamgate` entry"))?;
        let envelope: Envelope = serde_json::from_str(entry).map_err(|e| ArtifactError::Settings(e.to_string()))?;
        if envelope.version != MODEL_VERSION {
            return Err(ArtifactError::OtherVersion { found: envelope.version });
        }
        if envelope.feature_revision != FEATURE_REVISION {
            return Err(ArtifactError::OtherRevision { found: envelope.feature_revision });
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(refuse)?;
        if checksum(envelope.settings.get(), &mut tensors.iter().map(|(name, tensor)| (name, tensor.data())))
            != envelope.checksum
        {
            return Err(ArtifactError::Checksum);
        }

        let settings: Settings =
            serde_json::from_str(envelope.settings.get()).map_err(|e| ArtifactError::Settings(e.to_string()))?;
        if !settings.combination.is_sound() {
            return Err(ArtifactError::NotFinite { part: "combination".to_owned() });
        }
        let tables = View::ALL.into_iter().map(|view| read_table(&tensors, view)).collect::<Result<_, _>>()?;
        let classifier = Classifier {
            id: ModelId::from_checksum(&envelope.checksum),
            tables,
            combination: settings.combination,
            thresholds: settings.card.thresholds,
            card: settings.card,
        };
        classifier.self_test(&settings.probes)?;
        Ok(classifier)
    }

    /// The bytes of the model file: the same for the same model.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode().0
    }

    /// Writes the model file beside its target and renames it into place.
    ///
    /// # Errors
    /// When the folder is missing, full or not writable; the target is then what it was before.
    pub fn save(&self, path: &Path) -> Result<(), ArtifactError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".hamgate-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(&self.to_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        // The rename itself must survive a power cut, too.
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    }

    fn self_test(&self, expected: &[f64]) -> Result<(), ArtifactError> {
        if expected.len() != PROBES.len() {
            return Err(ArtifactError::Settings("the self-test has another number of texts".to_owned()));
        }
        for (expected, found) in expected.iter().copied().zip(self.probe()) {
            let difference = (expected - found).abs();
            if difference.is_nan() || difference > PROBE_TOLERANCE {
                return Err(ArtifactError::SelfTest { expected, found });
            }
        }
        Ok(())
    }

    fn probe(&self) -> Vec<f64> {
        PROBES
            .iter()
            .map(|text| self.judge(&Comment { content: (*text).to_owned(), ..Comment::default() }).evidence.0)
            .collect()
    }

    fn encode(&self) -> (Vec<u8>, String) {
        let settings =
            Settings { combination: self.combination.clone(), card: self.card.clone(), probes: self.probe() };
        let settings =
            serde_json::value::to_raw_value(&settings).expect("settings are numbers, texts and maps with text keys");
        let mut tensors: Vec<(String, Tensor)> = Vec::new();
        for view in View::ALL {
            let table = &self.tables[view.index()].fitted;
            let tensor = |part: &str| format!("{}.{part}", view.name());
            let counts = |label: usize| Tensor::u32(table.counts.iter().map(|counts| counts[label]));
            tensors.push((tensor("codes"), Tensor::codes(&table.codes, table.counts.len())));
            tensors.push((tensor("ham_counts"), counts(0)));
            tensors.push((tensor("spam_counts"), counts(1)));
            tensors.push((tensor("log_odds"), Tensor::f32(&table.log_odds)));
        }
        let checksum = checksum(
            settings.get(),
            &mut tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.bytes.as_slice())),
        );
        let envelope = Envelope {
            version: MODEL_VERSION,
            feature_revision: FEATURE_REVISION,
            checksum: Cow::Borrowed(&checksum),
            settings: &settings,
        };
        let entry = serde_json::to_string(&envelope).expect("an envelope is numbers and texts");
        let header = HashMap::from([(ENTRY.to_owned(), entry)]);
        let bytes = safetensors::serialize(tensors, Some(header)).expect("every tensor's shape is made from its data");
        (bytes, checksum)
    }
}

/// SHA-256 over the settings and over name and content of every tensor in order of the names.
fn checksum<'a>(settings: &str, tensors: &mut dyn Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut sorted: Vec<_> = tensors.collect();
    sorted.sort_unstable();
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(settings.as_bytes());
    for (name, data) in sorted {
        part(name.as_bytes());
        part(data);
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// What safetensors' refusals mean for a person.
fn refuse(error: SafeTensorError) -> ArtifactError {
    match error {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::MetadataIncompleteBuffer => ArtifactError::Truncated,
        SafeTensorError::HeaderTooLarge => ArtifactError::NotAModel("it claims a header larger than any model has"),
        SafeTensorError::InvalidHeader(_)
        | SafeTensorError::InvalidHeaderDeserialization(_)
        | SafeTensorError::JsonError(_) => ArtifactError::NotAModel("it does not begin with a safetensors header"),
        _ => ArtifactError::NotAModel("its header describes tensors that cannot be"),
    }
}

/// Reads and checks one view's table.
fn read_table(tensors: &SafeTensors, view: View) -> Result<Table, ArtifactError> {
    let name = |part: &str| format!("{}.{part}", view.name());
    let wrong = |part: &str, problem| ArtifactError::Table { tensor: name(part), problem };
    let tensor = |part: &str| tensors.tensor(&name(part)).map_err(|_| wrong(part, "is missing"));
    let words = |part: &str, dtype: Dtype| -> Result<Vec<[u8; 4]>, ArtifactError> {
        let tensor = tensor(part)?;
        if tensor.dtype() != dtype {
            return Err(wrong(part, "has the wrong type of number"));
        }
        Ok(tensor.data().as_chunks().0.to_vec())
    };

    let ham = words("ham_counts", Dtype::U32)?;
    let spam = words("spam_counts", Dtype::U32)?;
    let log_odds: Vec<f32> = words("log_odds", Dtype::F32)?.into_iter().map(f32::from_le_bytes).collect();
    if ham.len() != spam.len() || ham.len() != log_odds.len() || ham.is_empty() {
        return Err(wrong("log_odds", "has another size than its counts"));
    }
    if log_odds.iter().any(|n| !n.is_finite()) {
        return Err(ArtifactError::NotFinite { part: name("log_odds") });
    }
    let counts: Vec<[u32; 2]> =
        ham.into_iter().zip(spam).map(|(h, s)| [u32::from_le_bytes(h), u32::from_le_bytes(s)]).collect();
    if counts[0] != [0, 0] || log_odds[0] != 0.0 {
        return Err(wrong("ham_counts", "does not begin with the code for `never seen`"));
    }

    let codes = tensor("codes")?;
    let codes: Box<[u32]> = match codes.dtype() {
        Dtype::U16 => codes.data().as_chunks().0.iter().map(|b| u32::from(u16::from_le_bytes(*b))).collect(),
        Dtype::U32 => codes.data().as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect(),
        _ => return Err(wrong("codes", "has the wrong type of number")),
    };
    if codes.len() != view.buckets() {
        return Err(wrong("codes", "has another number of buckets than this program"));
    }
    if codes.iter().any(|&code| code as usize >= counts.len()) {
        return Err(wrong("codes", "names a code that does not exist"));
    }
    Ok(Table::new(codes, counts, log_odds))
}

/// Numbers on their way into a file, little-endian.
struct Tensor {
    dtype: Dtype,
    shape: [usize; 1],
    bytes: Vec<u8>,
}

impl Tensor {
    fn u32(numbers: impl Iterator<Item = u32>) -> Self {
        Self::new(Dtype::U32, numbers.flat_map(u32::to_le_bytes).collect())
    }

    fn f32(numbers: &[f32]) -> Self {
        Self::new(Dtype::F32, numbers.iter().flat_map(|n| n.to_le_bytes()).collect())
    }

    /// Codes below `count` in the smallest type that holds them.
    fn codes(codes: &[u32], count: usize) -> Self {
        match u16::try_from(count.saturating_sub(1)) {
            Ok(_) => Self::new(Dtype::U16, codes.iter().flat_map(|&code| (code as u16).to_le_bytes()).collect()),
            Err(_) => Self::u32(codes.iter().copied()),
        }
    }

    fn new(dtype: Dtype, bytes: Vec<u8>) -> Self {
        Tensor { dtype, shape: [bytes.len() * 8 / dtype.bitsize()], bytes }
    }
}

impl TensorView for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::trained;

    fn read(bytes: &[u8]) -> Result<Classifier, ArtifactError> {
        Classifier::from_bytes(bytes)
    }

    /// Writes a model file by hand: the given one with its settings and tensors changed, and an honest checksum over them.
    fn forge(settings: impl Fn(&mut serde_json::Value), tensors: impl Fn(&mut Vec<(String, Tensor)>)) -> Vec<u8> {
        forge_envelope(settings, tensors, |_| ())
    }

    fn forge_envelope(
        change_settings: impl Fn(&mut serde_json::Value),
        change_tensors: impl Fn(&mut Vec<(String, Tensor)>),
        change_envelope: impl Fn(&mut serde_json::Value),
    ) -> Vec<u8> {
        let bytes = trained().to_bytes();
        let parsed = SafeTensors::deserialize(&bytes).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let entry = metadata.metadata().as_ref().unwrap()[ENTRY].clone();
        let mut envelope: serde_json::Value = serde_json::from_str(&entry).unwrap();
        change_settings(&mut envelope["settings"]);
        let mut tensors: Vec<(String, Tensor)> = parsed
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, Tensor::new(view.dtype(), view.data().to_vec())))
            .collect();
        change_tensors(&mut tensors);
        let settings = envelope["settings"].to_string();
        envelope["checksum"] =
            checksum(&settings, &mut tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.bytes.as_slice())))
                .into();
        change_envelope(&mut envelope);
        safetensors::serialize(tensors, Some(HashMap::from([(ENTRY.to_owned(), envelope.to_string())]))).unwrap()
    }

    fn tensor<'a>(tensors: &'a mut [(String, Tensor)], name: &str) -> &'a mut Tensor {
        &mut tensors.iter_mut().find(|(n, _)| n == name).unwrap().1
    }

    #[test]
    fn a_model_read_back_is_the_model_written() {
        let bytes = trained().to_bytes();
        let again = read(&bytes).unwrap();
        assert_eq!(again.id(), trained().id());
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(again.tables, trained().tables);
    }

    #[test]
    fn the_embedded_model_can_be_read() {
        assert!(Classifier::embedded().card().rows.total() > 0);
    }

    #[test]
    fn a_forgery_without_changes_is_accepted() {
        // Otherwise the refusals below would prove nothing.
        assert!(read(&forge(|_| (), |_| ())).is_ok());
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_error() {
        let good = trained().to_bytes();
        let cut = |n: usize| good[..n].to_vec();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let mut huge_header = good.clone();
        huge_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        let nothing = |_: &mut Vec<(String, Tensor)>| ();
        let keep = |_: &mut serde_json::Value| ();
        let other_safetensors = safetensors::serialize(Vec::<(String, Tensor)>::new(), None).unwrap();
        let table: Vec<(&str, Vec<u8>, &str)> = vec![
            ("empty", cut(0), "ends too early"),
            ("cut in the header", cut(100), "ends too early"),
            ("cut in the tables", cut(good.len() - 1000), "ends too early"),
            ("text", b"{\"hello\": \"world\"} and some more text".to_vec(), "not a Hamgate model"),
            ("absurd header", huge_header, "not a Hamgate model"),
            ("other safetensors", other_safetensors, "no `hamgate` entry"),
            ("flipped bit", flipped, "checksum is wrong"),
            ("newer format", forge_envelope(keep, nothing, |e| e["version"] = 99.into()), "format version 99"),
            (
                "other features",
                forge_envelope(keep, nothing, |e| e["feature_revision"] = 99.into()),
                "feature revision 99",
            ),
            ("settings missing", forge(|s| *s = 5.into(), nothing), "settings cannot be understood"),
            (
                "thresholds swapped",
                forge(|s| s["card"]["thresholds"]["hold"] = 99.into(), nothing),
                "thresholds must be",
            ),
            ("huge weights", forge(|s| s["combination"]["weight"] = vec![1.7e308; 20].into(), nothing), "not finite"),
            ("zero deviation", forge(|s| s["combination"]["deviation"][0] = 0.into(), nothing), "not finite"),
            (
                "weight missing",
                forge(
                    |s| {
                        s["combination"]["weight"].as_array_mut().unwrap().pop();
                    },
                    nothing,
                ),
                "not finite",
            ),
            ("table missing", forge(keep, |t| t.retain(|(name, _)| name != "words.codes")), "`words.codes` is missing"),
            (
                "table short",
                forge(keep, |t| {
                    let codes = tensor(t, "words.codes");
                    *codes = Tensor::new(codes.dtype, codes.bytes[..8].to_vec());
                }),
                "another number of buckets",
            ),
            (
                "wrong type",
                forge(keep, |t| {
                    let codes = tensor(t, "words.log_odds");
                    codes.dtype = Dtype::U32;
                }),
                "wrong type of number",
            ),
            (
                "counts short",
                forge(keep, |t| {
                    let counts = tensor(t, "words.ham_counts");
                    *counts = Tensor::u32([0].into_iter());
                }),
                "another size",
            ),
            (
                "NaN",
                forge(keep, |t| {
                    let odds = tensor(t, "words.log_odds");
                    odds.bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
                }),
                "not finite",
            ),
            (
                "code too large",
                forge(keep, |t| {
                    let codes = tensor(t, "words.codes");
                    codes.bytes[..2].copy_from_slice(&u16::MAX.to_le_bytes());
                }),
                "does not exist",
            ),
            (
                "no code for unseen",
                forge(keep, |t| {
                    let odds = tensor(t, "words.log_odds");
                    odds.bytes[..4].copy_from_slice(&1_f32.to_le_bytes());
                }),
                "never seen",
            ),
            ("other results", forge(|s| s["probes"][0] = 42.5.into(), nothing), "self-test"),
            ("probes missing", forge(|s| s["probes"] = serde_json::json!([]), nothing), "self-test"),
        ];
        for (name, bytes, expected) in table {
            let error = read(&bytes).map(|_| ()).expect_err(name);
            assert!(error.to_string().contains(expected), "{name}: {error}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn a_damaged_byte_anywhere_never_makes_a_model() {
        let good = trained().to_bytes();
        for at in (0..good.len()).step_by(good.len() / 200) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(read(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn saving_replaces_the_target_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blog.hamgate");
        std::fs::write(&path, "old").unwrap();
        trained().save(&path).unwrap();
        assert_eq!(Classifier::read_file(&path).unwrap().id(), trained().id());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = trained().save(&folder.path().join("no/such/folder/m")).unwrap_err();
        assert!(matches!(missing, ArtifactError::Io(_)));
    }

    #[test]
    fn a_file_larger_than_any_model_is_refused_unread() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MOST_BYTES + 1).unwrap();
        assert!(matches!(Classifier::read_file(file.path()), Err(ArtifactError::TooLarge { .. })));
    }
}
