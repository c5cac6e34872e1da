//! The chain in a file: what `docs/audit.md` says of it, and the program there that checks it.

use clientbook_model::id::hex;
use clientbook_testkit::{ACME, TestApp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::process::{Command, Output};

fn docs(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).join(name)
}

/// What the program says of a file.
fn check(lines: &str) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("chain.ndjson");
    std::fs::write(&file, lines).expect("a file");
    let mut python = Command::new("python3");
    python.arg(docs("check_chain.py")).arg(&file).output().expect("python3")
}

fn passes(lines: &str) {
    let told = check(lines);
    assert!(told.status.success(), "{told:?}\n{lines}");
}

async fn chain(app: &TestApp) -> String {
    let path = format!("/v2/clients/{ACME}/audit-log?format=ndjson");
    app.admin().await.get(&path).await.expect(200).text
}

#[tokio::test]
async fn the_program_checks_what_the_server_tells() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let odd = json!({
        "name": "Ünï \"quoted\" \\ \u{1} \u{7f} 😀", "note": "line\nbreak\ttab", "npsScore": -7,
        "custom": { "a \"key\" \u{20ac}": "x" }, "region": { "id": 9, "name": "EMEA" },
    });
    admin.patch(&format!("/client/{ACME}"), &odd).await.expect(200);
    let lines = chain(&app).await;
    passes(&lines);
    // Whatever is changed in it is found.
    let all: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let text = |lines: &[Value]| {
        let lines: Vec<_> = lines.iter().map(|line| line.to_string() + "\n").collect();
        lines.concat()
    };
    passes(&text(&all));
    for name in all[0].as_object().expect("an object").keys() {
        let mut forged = all.clone();
        let value = &mut forged[0][name];
        match value {
            Value::String(text) => text.push('x'),
            Value::Number(_) => *value = json!(1_000),
            _ if name == "sealed" => value["changes"][0][2]["text"] = json!("\"forged\""),
            _ => value["name"] = json!("forged"),
        }
        assert!(!check(&text(&forged)).status.success(), "{name} can be changed");
    }
    let mut forged = all.clone();
    forged[0]["actor_name"] = json!("somebody else");
    assert!(!check(&text(&forged)).status.success(), "another name can be told");
    for without in 1..all.len() {
        let mut left = all.clone();
        left.remove(without);
        assert!(!check(&text(&left)).status.success(), "line {without} can be left out");
    }
    // What a reader may not see, and what was erased, leaves the chain whole.
    let auditor = json!({ "tenant": "tenant123", "permissions": ["audit.view"] });
    let path = format!("/v2/clients/{ACME}/audit-log?format=ndjson");
    passes(&app.grant(&auditor).await.get(&path).await.expect(200).text);
    let deleted = json!({ "collection_mode": "deleted" });
    admin.patch(&format!("/v2/clients/{ACME}"), &deleted).await.expect(200);
    admin.delete(&format!("/v2/clients/{ACME}")).await.expect(204);
    passes(&chain(&app).await);
}

/// The blocks of the page that begin with this.
fn blocks(begin: &str) -> Vec<String> {
    let page = std::fs::read_to_string(docs("audit.md")).expect("the page");
    let blocks = page.split("```").skip(1).step_by(2);
    let wanted =
        blocks.filter_map(|block| block.split_once('\n')).filter(|(kind, _)| *kind == begin);
    wanted.map(|(_, text)| text.to_owned()).collect()
}

#[test]
fn the_vectors_are_true() {
    let lines = blocks("ndjson").concat();
    assert_eq!(lines.lines().count(), 3);
    passes(&lines);
    // Entry by entry: the canonical form, whose digest is the entry's hash.
    let forms = blocks("canonical").concat();
    let forms: Vec<_> = forms.lines().collect();
    assert_eq!(forms.len(), 3);
    for (line, form) in lines.lines().zip(forms) {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(entry["entry_hash"], hex(&Sha256::digest(form.as_bytes())));
    }
}
