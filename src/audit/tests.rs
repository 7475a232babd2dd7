//! The sink: rotation, failures, and what strangers can't take.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::log_file::{LogOutput, rotated_files};
use super::*;
use crate::ambient::{Real, Still};

fn settings(path: &Path) -> AuditSettings {
    AuditSettings {
        target: AuditTarget::File(path.to_owned()),
        write: AuditWrite::Written,
        data_events: true,
        rotate_bytes: 0,
        keep_files: 3,
    }
}

fn open(settings: &AuditSettings) -> Result<AuditLog, OpenAuditError> {
    AuditLog::open(settings, Arc::new(Real), |name, data| {
        let mut line = ascii_json(&json!({ "eventName": name, "additionalEventData": data }));
        line.push(b'\n');
        line
    })
}

fn line(text: &str) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

#[test]
fn text_of_strangers_stays_on_its_line_in_ascii() {
    for text in [
        "\u{2028}\u{2029}\u{85}",
        "\u{202e}evil\u{2066}\u{200f}",
        "\r\n{\"eventName\":\"Forged\"}\n",
        "\u{1b}[31m\u{7f}\u{9b}",
        "\u{1f600}\u{e9}\\\"",
        "\u{feff}\u{0}",
    ] {
        let value = json!({ text: text });
        let written = ascii_json(&value);
        assert!(
            written.iter().all(|byte| (b' '..=b'~').contains(byte)),
            "{text:?}"
        );
        #[expect(clippy::disallowed_methods, reason = "a test reads what it wrote")]
        let read: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(read, value, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_written_in_ascii_and_read_back(name in ".*", text in ".*") {
        let value = json!({ name: [text] });
        let written = ascii_json(&value);
        prop_assert!(written.iter().all(|byte| (b' '..=b'~').contains(byte)));
        #[expect(clippy::disallowed_methods, reason = "a test reads what it wrote")]
        let read: Value = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(read, value);
    }
}

#[tokio::test]
async fn files_rotate_at_whole_lines_and_the_oldest_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut settings = settings(&path);
    settings.rotate_bytes = 100;
    let log = open(&settings).unwrap();
    for at in 0..60 {
        log.append(line(&format!("{at:019}"))).await.unwrap();
    }
    log.close();
    let rotated = rotated_files(&path).unwrap();
    assert_eq!(rotated.len(), 3);
    let mut kept = String::new();
    for file in rotated.iter().chain([&path]) {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.len() <= 100 && text.ends_with('\n'), "{text}");
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        kept.push_str(&text);
    }
    let numbers: Vec<u32> = kept.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(
        numbers,
        (40..60).collect::<Vec<_>>(),
        "in order, without a gap"
    );
}

#[tokio::test]
async fn files_stay_in_order_where_the_clock_steps_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let clock = Arc::new(Still::at("2026-03-01T12:00:00Z".parse().unwrap()));
    let mut output = LogOutput::open(&path, 10, 2, clock.clone()).unwrap();
    for text in ["one", "two", "three", "four"] {
        output.append(&line(&format!("{text:>8}")), false).unwrap();
        clock.advance(-3600);
    }
    let rotated = rotated_files(&path).unwrap();
    let texts: Vec<_> = rotated
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    assert_eq!(texts, ["     two\n", "   three\n"]);
}

#[tokio::test]
async fn one_process_writes_a_file_and_an_unfinished_line_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fs::write(&path, "{\"whole\":1}\n{\"torn").unwrap();
    let log = open(&settings(&path)).unwrap();
    assert!(matches!(
        open(&settings(&path)),
        Err(OpenAuditError::InUse(_))
    ));
    log.append(line("{}")).await.unwrap();
    log.close();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"whole\":1}\n{}\n");
    let missing = folder.path().join("nowhere/audit.jsonl");
    let error = open(&settings(&missing)).err().unwrap().to_string();
    assert!(error.contains("make its directory"), "{error}");
}

#[tokio::test]
async fn a_full_disk_refuses_and_its_repair_is_noticed_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    symlink("/dev/full", &path).unwrap();
    let log = open(&settings(&path)).unwrap();
    assert_eq!(log.problem(), None);
    let refused = log.append(line("one")).await;
    assert!(
        matches!(refused, Err(AuditError::Unwritten(_))),
        "{refused:?}"
    );
    assert!(log.problem().is_some());
    log.append_later(line("two"));
    fs::remove_file(&path).unwrap();
    log.reopen();
    for _ in 0..300 {
        if log.problem().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(log.problem(), None, "the repair is noticed within seconds");
    log.append(line("three")).await.unwrap();
    log.close();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("ResumeAuditLog"), "{text}");
    assert!(text.contains("linesNotWritten"), "{text}");
    assert!(
        text.ends_with("three\n") && !text.contains("one\n"),
        "{text}"
    );
}

#[tokio::test]
async fn refusals_of_strangers_leave_the_last_fifth_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut settings = settings(&path);
    settings.rotate_bytes = 10_000;
    let log = open(&settings).unwrap();
    let refusal = "x".repeat(99);
    for at in 0..1000 {
        let kind = StrangerLine {
            operation: "GetId",
            code: "AccessDenied",
            pool: None,
            network: at.to_string(),
        };
        log.append_refusal(kind, || line(&refusal));
        // One after the other, so that each has its own chance.
        if at % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    log.append(line("a change")).await.unwrap();
    let size = fs::metadata(&path).unwrap().len();
    assert!((4_000..=8_009).contains(&size), "{size}");
    assert!(rotated_files(&path).unwrap().is_empty());
    log.close();
    let mut all = String::new();
    for file in rotated_files(&path).unwrap().iter().chain([&path]) {
        all.push_str(&fs::read_to_string(file).unwrap());
    }
    let written = all.lines().filter(|line| *line == refusal).count();
    let report = all.lines().find(|line| line.contains("CountRefusals"));
    let count = format!("\"refusalsWithoutLine\":{}", 1000 - written);
    assert!(
        report.is_some_and(|line| line.contains(&count)),
        "{report:?} {count}"
    );
}

#[test]
fn a_batch_that_fails_in_the_middle_counts_its_whole_lines() {
    // A pipe that nobody reads takes 64 KiB and then blocks; /dev/full takes nothing.
    let mut output = LogOutput::open(Path::new("/dev/full"), 0, 1, Arc::new(Real)).unwrap();
    let (whole, error) = output.append(b"one\ntwo\n", false).err().unwrap();
    assert_eq!((whole, error.kind()), (0, io::ErrorKind::StorageFull));
}
