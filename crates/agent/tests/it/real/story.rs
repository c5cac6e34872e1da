//! Each mode in turn, and what passes after the answer that told it.

use super::api::{Api, CLIENT};
use super::browser::{Browser, DETOUR, FRAME, HIDDEN, SECRET, SHOP, WIKI};
use super::laptop::{browser_name, enroll, home, laptop, packages, status, unit_faults};
use super::proxy::{Answer, Call, Proxy, Recording};
use super::rules::{Known, Told, objections};
use super::{conclude, until};
use crate::device::{APPLICATION, Device, USER};
use crate::uninstalling::files;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Instant;

const CHECK_IN: &str = "POST /v2/agent/check-in";
const LAST_WORD: &str = "POST /v2/agent/uninstalled";

#[test]
#[ignore = "needs a server and Chromium: cargo xtask agents"]
fn after_each_answer_nothing_passes_that_it_forbids() {
    let mut story = Story::begin();
    story.has_a_service();
    story.has_inventory();
    story.has_usage();
    story.enrolled_and_told(Told::Usage);
    println!(
        "{:6} {:10} {:>9} {:>9}  passed until the next change",
        "tier", "now", "told", "obeyed"
    );
    for turn in story.turns() {
        story.turn(&turn);
    }
    story.ends();
    conclude(&story.findings);
}

/// What is asked of the server, and what an agent must make of it.
struct Turn {
    tier: &'static str,
    now: &'static str,
    path: String,
    body: Value,
    told: Told,
}

struct Story {
    // Ends before the home that it writes to goes.
    browser: Browser,
    device: Device,
    proxy: Proxy,
    api: Api,
    id: String,
    token: String,
    known: Known,
    begun: Instant,
    /// How many visits of the shop the server must have.
    visits: u64,
    pages: u32,
    /// From each change to the answer that told it, in pieces.
    changes: Vec<(usize, usize)>,
    findings: Vec<String>,
}

impl Story {
    fn begin() -> Self {
        let api = Api::start();
        let proxy = Proxy::start(api.address);
        let mut device = laptop();
        let (id, token) = enroll(&device, &api, &proxy);
        let known = Known {
            applications: [APPLICATION.to_owned(), browser_name()].into(),
            domains: [SHOP.to_owned(), WIKI.to_owned()].into(),
        };
        let begun = Instant::now();
        device.run();
        let browser = Browser::start(&home(&device));
        let (visits, pages, changes, findings) = (0, 0, Vec::new(), Vec::new());
        Self {
            browser,
            device,
            proxy,
            api,
            id,
            token,
            known,
            begun,
            visits,
            pages,
            changes,
            findings,
        }
    }

    /// systemd does not run the unit here; it understands all of it.
    fn has_a_service(&mut self) {
        match unit_faults(&self.device) {
            Some(faults) => {
                println!("unit: checked by systemd-analyze verify");
                self.expect(faults.is_empty(), &format!("systemd says of the unit: {faults}"));
            }
            None => println!("unit: not checked, systemd-analyze is not there"),
        }
    }

    /// What the server has is what dpkg has.
    fn has_inventory(&mut self) {
        let list = format!("devices/{}/software?page_size=500", self.id);
        let told = || {
            let rows = self.api.list(&list);
            let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
            let all = rows.iter().map(|row| (text(row, "name"), text(row, "version")));
            Some(all.collect::<BTreeSet<_>>()).filter(|all| !all.is_empty())
        };
        let told = until("an inventory", told);
        let installed = packages();
        let differ = told.symmetric_difference(&installed).count();
        println!(
            "packages: {} by dpkg, {} at the server, {differ} differ",
            installed.len(),
            told.len()
        );
        self.expect(differ == 0, "the inventory is not dpkg's");
    }

    /// An application that runs and what Chromium visits arrive: names, seconds, counts.
    fn has_usage(&mut self) {
        let seconds = |name: &str| {
            let sums = self.api.usage();
            let sum = sums.get(&("app".to_owned(), name.to_owned())).copied();
            Some(sum?.0).filter(|seconds| *seconds > 0)
        };
        let tool = until("an application", || seconds(APPLICATION));
        let chromium = until("Chromium as an application", || seconds(&browser_name()));
        let passed = self.begun.elapsed().as_secs() + 1;
        println!("applications: {tool} s and {chromium} s, of {passed} s");
        self.expect(tool <= passed && chromium <= passed, "an application ran for too long");
        // Until now the agent has been told whose visits to count.
        for page in ["one", "two-framed", "three"] {
            self.browser.visit(&page_of("www", SHOP, page));
        }
        for page in ["four", "five"] {
            self.browser.visit(&page_of(SECRET, WIKI, page));
        }
        // Leads to the shop: that is where somebody has been.
        self.browser.visit(&page_of("www", DETOUR, "six-redirected"));
        self.visits = 4;
        self.arrives();
        // What must not leave the device is there to be told.
        for word in ["-one?", "-query=1", "-fragment", " title of", "-landing"] {
            self.browser.wait_until_written(&format!("{SECRET}{word}"));
        }
        let second = ("web".to_owned(), WIKI.to_owned());
        let wiki = until("the visits of the second domain", || {
            self.api.usage().get(&second).map(|(_, visits)| *visits).filter(|visits| *visits > 1)
        });
        println!("visits: {} of {SHOP}, {wiki} of {WIKI}", self.visits);
        self.expect(wiki == 2, "the visits of the second domain are not two");
    }

    /// Waits until the server has every visit of the shop; no more come.
    fn arrives(&self) {
        let shop = ("web".to_owned(), SHOP.to_owned());
        let visits = || self.api.usage().get(&shop).map(|(_, visits)| *visits);
        until("the visits", || visits().filter(|visits| *visits >= self.visits));
        assert_eq!(visits(), Some(self.visits), "the visits of {SHOP}");
    }

    /// Judges all that passed up to here: an enrolment, and what a mode allows.
    fn enrolled_and_told(&mut self, told: Told) {
        let recording = self.proxy.recording();
        let (joined, rest): (Vec<_>, Vec<_>) =
            recording.after(0).partition(|call| call.line == "POST /v2/agent/enroll");
        let mut wrong: Vec<_> =
            rest.iter().flat_map(|call| objections(told, call, &self.known)).collect();
        if joined.len() != 1 {
            wrong.push(format!("it enrolled {} times", joined.len()));
        }
        drop(recording);
        self.findings.extend(wrong);
    }

    fn turns(&self) -> Vec<Turn> {
        let users = self.api.list(&format!("devices/{}/users", self.id));
        assert_eq!(users.len(), 1, "{users:?}");
        let user = format!("{CLIENT}/users/{}", users[0]["id"].as_str().unwrap());
        let device = format!("{CLIENT}/devices/{}", self.id);
        let client = |now: &'static str, told| Turn {
            tier: "client",
            now,
            path: CLIENT.into(),
            body: json!({ "collection_mode": now }),
            told,
        };
        let device = |now: &'static str, told| {
            let body = json!({ "collection_state": now });
            Turn { tier: "device", now, path: device.clone(), body, told }
        };
        let user = |now: &'static str, told| {
            let body = json!({ "status": now });
            Turn { tier: "user", now, path: user.clone(), body, told }
        };
        vec![
            client("discovery", Told::Discovery),
            client("saas_usage", Told::Usage),
            client("disabled", Told::Idle),
            client("discovery", Told::Discovery),
            client("disabled", Told::Idle),
            client("saas_usage", Told::Usage),
            device("disabled", Told::Idle),
            device("enabled", Told::Usage),
            user("archived", Told::UsageOfNobody),
            user("active", Told::Usage),
        ]
    }

    /// Changes something, lets happen what is to be told or not to be told, and judges what passed.
    fn turn(&mut self, turn: &Turn) {
        let before = self.proxy.recording().now();
        self.api.patch(&turn.path, &turn.body);
        let asked = Instant::now();
        let mode = mode(turn.told);
        // A user's status is no part of what the agent says of itself.
        let obeyed = (turn.tier != "user").then(|| {
            until("obedience", || (status(&self.device)["mode"] == mode).then_some(()));
            asked.elapsed()
        });
        let told = until("an answer", || answer(&self.proxy.recording(), before, turn.told));
        self.changes.push((before, told.piece));
        self.pages += 1;
        if turn.told == Told::Usage {
            self.browser.visit(&page_of("www", SHOP, &format!("again-{}", self.pages)));
            self.visits += 1;
            self.arrives();
        } else {
            self.hides(turn.told);
        }
        let obeyed = obeyed.map_or("-".into(), |it| format!("{:.1} ms", it.as_secs_f64() * 1e3));
        let told_after = format!("{:.1} ms", millis(asked, told.at));
        let passed = self.judge(turn.told, told.piece + 1);
        println!("{:6} {:10} {told_after:>9} {obeyed:>9}  {passed}", turn.tier, turn.now);
    }

    /// Somebody goes on, the device changes, and the agent has time to tell of both. It tells of the
    /// device only, if it may.
    fn hides(&self, told: Told) {
        let page = format!("hidden-{}", self.pages);
        self.browser.visit(&page_of("www", HIDDEN, &page));
        let version = format!("1.{}", self.pages);
        let release = format!("NAME=\"Test Linux\"\nVERSION_ID=\"{version}\"\n");
        self.device.write("etc/os-release", &release);
        self.browser.wait_until_written(&page);
        self.checks_in_twice();
        if told != Told::Idle {
            let devices = || self.api.list("devices").into_iter();
            until("the device's new system", || {
                devices().find(|it| it["id"] == self.id && it["os_version"] == version)
            });
        }
    }

    fn checks_in_twice(&self) {
        let from = self.proxy.recording().now();
        until("two check-ins", || {
            let recording = self.proxy.recording();
            let all = recording.after(from).filter(|call| call.line == CHECK_IN);
            (all.filter(|call| call.answer.is_some()).count() >= 2).then_some(())
        });
    }

    /// Compares what passed after so many pieces with what may; in words, what did.
    fn judge(&mut self, told: Told, after: usize) -> String {
        let recording = self.proxy.recording();
        let calls: Vec<_> = recording.after(after).collect();
        let mut wrong: Vec<_> =
            calls.iter().flat_map(|call| objections(told, call, &self.known)).collect();
        wrong.extend(recording.cut_after(after).iter().map(|text| format!("cut off: {text}")));
        let words: &[&str] = match told {
            Told::Usage => &[],
            Told::UsageOfNobody => &[APPLICATION, SHOP, WIKI],
            Told::Discovery | Told::Idle | Told::Uninstall => &[USER, APPLICATION, SHOP, WIKI],
        };
        let said = words.iter().filter(|word| recording.says(&word.to_ascii_lowercase(), after));
        wrong.extend(said.map(|word| format!("{word} was said during {told:?}")));
        let count = |what: &str| calls.iter().filter(|call| call.line.ends_with(what)).count();
        let bytes: usize = calls.iter().map(|call| call.size).sum();
        let passed = format!(
            "{} check-ins, {} inventories, {} usage, {} last words, {bytes} bytes; {} forbidden",
            count("/check-in"),
            count("/inventory"),
            count("/usage"),
            count("/uninstalled"),
            wrong.len()
        );
        drop(recording);
        self.findings.extend(wrong);
        passed
    }

    /// The client is deleted: the agent goes, and leaves nothing.
    fn ends(&mut self) {
        let before = self.proxy.recording().now();
        self.api.patch(CLIENT, &json!({ "collection_mode": "deleted" }));
        let asked = Instant::now();
        let gone =
            until("an empty place", || (!self.device.state().exists()).then(|| asked.elapsed()));
        let code = self.device.wait_for_end();
        let told = answer(&self.proxy.recording(), before, Told::Uninstall).expect("an answer");
        self.changes.push((before, told.piece));
        let passed = self.judge(Told::Uninstall, told.piece + 1);
        let (told, gone) = (millis(asked, told.at), gone.as_secs_f64() * 1e3);
        println!("{:6} {:10} {told:>6.1} ms {gone:>6.1} ms  {passed}", "client", "deleted");
        self.expect(code == Some(0), "the agent failed at the end");
        let left = files(&self.device.root());
        self.expect(left.is_empty(), &format!("something is left: {left:?}"));
        let recording = self.proxy.recording();
        let words = recording.after(0).filter(|call| call.line == LAST_WORD).count();
        let secrets = [SECRET, HIDDEN, DETOUR, FRAME];
        let said: Vec<_> = secrets.iter().filter(|word| recording.says(word, 0)).collect();
        drop(recording);
        self.was_not_refused();
        self.expect(said.is_empty(), &format!("said at some time: {said:?}"));
        let heard = self.api.last_words(&self.id);
        self.expect((words, heard) == (1, 1), &format!("last words: {words} said, {heard} heard"));
        let admitted = self.api.admits(&self.token);
        self.expect(admitted == 401, &format!("the dead token gets {admitted}"));
        for (whose, log) in [("agent", self.device.log()), ("server", self.api.log())] {
            self.expect(!log.to_ascii_lowercase().contains(SECRET), &format!("the {whose}'s log"));
        }
    }

    /// The server refused nothing but what crossed a change: sent before the answer that told it, and
    /// answered after it was made.
    fn was_not_refused(&mut self) {
        let recording = self.proxy.recording();
        let crossed = |call: &Call, answer: &Answer| {
            let crosses =
                |(made, told): &(usize, usize)| answer.piece >= *made && call.sent <= *told;
            answer.status == 403 && self.changes.iter().any(crosses)
        };
        let answered =
            recording.calls.iter().filter_map(|call| Some((call, call.answer.as_ref()?)));
        let refused = answered.filter(|(_, answer)| !(200..300).contains(&answer.status));
        let (crossed, wrong): (Vec<_>, Vec<_>) =
            refused.partition(|(call, answer)| crossed(call, answer));
        println!("refused: {} calls that crossed a change, {} others", crossed.len(), wrong.len());
        let wrong: Vec<_> = wrong.iter().map(|(call, _)| format!("refused: {call:?}")).collect();
        drop(recording);
        self.findings.extend(wrong);
    }

    fn expect(&mut self, is: bool, what: &str) {
        if !is {
            self.findings.push(what.to_owned());
        }
    }
}

/// An address without its scheme: everything but the domain is secret.
fn page_of(host: &str, domain: &str, page: &str) -> String {
    format!("{host}.{domain}/{SECRET}-{page}?{SECRET}-query=1%23{SECRET}-fragment")
}

fn mode(told: Told) -> &'static str {
    match told {
        Told::Usage | Told::UsageOfNobody => "saas_usage",
        Told::Discovery => "discovery",
        Told::Idle => "disabled",
        Told::Uninstall => "deleted",
    }
}

/// The first answer to a check-in, after so many pieces, that tells this.
fn answer(recording: &Recording, before: usize, told: Told) -> Option<Answer> {
    let answers = recording.calls.iter().filter(|call| call.line == CHECK_IN);
    let mut answers = answers.filter_map(|call| call.answer.as_ref());
    let collects = |config: &Value, collects: bool| {
        let users = config["users"].as_array();
        users.is_some_and(|users| users.iter().any(|user| user["collect"] == collects))
    };
    let tells = |config: &Value| {
        let users = match told {
            Told::Usage => collects(config, true),
            Told::UsageOfNobody => collects(config, false),
            Told::Discovery | Told::Idle | Told::Uninstall => true,
        };
        config["effective_mode"] == mode(told) && users
    };
    answers.find(|answer| answer.piece >= before && tells(&answer.body)).cloned()
}

/// From a moment to another, which may have come first.
fn millis(from: Instant, to: Instant) -> f64 {
    let after = to.saturating_duration_since(from).as_secs_f64();
    (after - from.saturating_duration_since(to).as_secs_f64()) * 1e3
}
