//! A large store. Lists and searches: one request after the other, as one user waits for them. Reads of
//! one client: from many connections, beside the same on a small store.

use crate::child::{self, Server};
use crate::generator::{self, Load};
use crate::machine;
use crate::round::{Pace, pace};
use crate::stats::Latencies;
use crate::surface::TENANT;
use crate::work::Reads;
use crate::{Failure, ScaleArgs, store};
use clientbook_store::Cluster;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;
use tokio::runtime::Runtime;

/// What a list may take, 99 times of 100, in milliseconds.
const TARGET: f64 = 60.0;

/// What the p99 of a read may be of that on a small store.
const GROWTH: f64 = 1.3;

/// Clients of a small store.
const SMALL: u32 = 1_000;

/// Reads come from one connection, as one user waits for them, and from as many as keep the server busy:
/// there, latency is what throughput leaves.
const CONNECTIONS: [usize; 2] = [1, 64];

/// Rounds of reads; the median of their ratios is told.
const ROUNDS: usize = 5;

/// How long a start may take, in seconds.
const START: f64 = 2.0;

/// The least room for clients in memory, in MiB: next to none fit.
const LEAST_CACHE: &str = "1";

/// What the server may use of memory at most, in MiB.
const MEMORY: u64 = 500;

/// Rows on a page of the walk over everything.
const WALK: u32 = 500;

/// Whether all went as it should: without `--assert`, missed targets do.
pub(crate) fn run(args: &ScaleArgs) -> Result<bool, Failure> {
    let bench = Bench::start(args, args.clients, args.database.as_deref(), &[])?;
    let mut met = bench.started < START;
    println!("ready after {:.2} s{}", bench.started, mark(met));
    let walk = bench.walk(args.clients)?;
    for (name, path) in requests(args.clients, &walk) {
        met &= bench.measure(name, &path, args.repeat)?;
    }
    if args.database.is_none() {
        met &= bench.compare(args, &walk.ids)?;
    }
    let peak = machine::peak_memory(bench.server.target().process)? >> 20;
    println!("server's peak memory: {peak} MiB{}", mark(peak < MEMORY));
    bench.server.stop()?;
    if args.database.is_none() {
        Bench::compare_unkept(args, &walk.ids)?;
    }
    Ok(!args.assert || (met && peak < MEMORY))
}

fn mark(met: bool) -> &'static str {
    if met { "" } else { "  over the target" }
}

/// The store in a file, made unless it is there: its URL, and an admin's token.
pub(crate) fn kept(directory: &Path, clients: u32) -> Result<(String, String), Failure> {
    let path = directory.join(format!("scale-{clients}.db"));
    let (url, token) = (store::url(&path), path.with_extension("token"));
    if token.exists() {
        return Ok((url, std::fs::read_to_string(token)?));
    }
    println!("Making a store of {clients} clients");
    // What was broken off begins anew.
    store::remove(&path)?;
    let begun = Instant::now();
    let secret = store::fill_only(&url, clients)?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("made in {seconds:.0} s: {:.0} clients/s", f64::from(clients) / seconds);
    std::fs::write(token, &secret)?;
    Ok((url, secret))
}

/// Copies the store in a file to an empty database, as a user does.
fn copy(args: &ScaleArgs, from: &str, to: &str) -> Result<(), Failure> {
    let mut copy = child::clientbook(&args.server, to);
    copy.arg("copy").env("CLIENTBOOK_FROM", from).env("CLIENTBOOK_TO", to);
    let output = copy.output()?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the store was not copied:\n{log}").into());
    }
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let [rows, rate, seconds] = ["rows", "rows_per_second", "seconds"].map(|name| &told[name]);
    println!(
        "copied to PostgreSQL: {rows} rows, {rate} a second; compared, verified and listed after \
         {seconds} s"
    );
    Ok(())
}

/// Where pages of the list by name begin.
struct Walk {
    second: String,
    middle: String,
    last: String,
    /// Of all clients, in no order of the store's.
    ids: Vec<String>,
}

struct Bench {
    server: Server,
    token: String,
    /// How long the server took to listen, in seconds.
    started: f64,
}

impl Bench {
    /// A server of a store with so many clients, with `more` arguments; the store is made before, if it is
    /// not there.
    fn start(
        args: &ScaleArgs,
        clients: u32,
        database: Option<&str>,
        more: &[&str],
    ) -> Result<Self, Failure> {
        let (file, token) = kept(&args.directory, clients)?;
        let url = database.unwrap_or(&file);
        if database.is_some() {
            copy(args, &file, url)?;
            Runtime::new()?.block_on(Cluster::new(url).analyze(None))?;
        }
        let begun = Instant::now();
        let log = args.directory.join("scale.log");
        let server = Server::clientbook_with(&args.server, url, &log, more)?;
        Ok(Self { server, token, started: begun.elapsed().as_secs_f64() })
    }

    /// Reads of one client here beside reads on a small store, in turns.
    fn compare(&self, args: &ScaleArgs, ids: &[String]) -> Result<bool, Failure> {
        let small = Self::start(args, SMALL, None, &[])?;
        let few = small.walk(SMALL)?.ids;
        let mut met = true;
        for connections in CONNECTIONS {
            let mut growth = Vec::new();
            let mut same = Vec::new();
            println!("from {connections} connections at once:");
            for _ in 0..ROUNDS {
                let least = small.read(connections, "GET of 1,000 clients, which are all", &few)?;
                let few = &ids[..few.len()];
                let part = self.read(connections, "GET of 1,000 of the many", few)?;
                let all = self.read(connections, "GET of all of the many, each in turn", ids)?;
                same.push(part.p99 / least.p99);
                growth.push(all.p99 / least.p99);
            }
            let [same, growth] = [same, growth].map(median);
            println!("p99 of the many to that of 1,000: {same:.2} where 1,000 are asked for");
            println!("    {growth:.2} where all are{}", mark(growth < GROWTH));
            met &= growth < GROWTH;
        }
        small.server.stop()?;
        Ok(met)
    }

    /// The same where both servers read next to every client from their stores: what the size of a store
    /// does by itself.
    fn compare_unkept(args: &ScaleArgs, ids: &[String]) -> Result<(), Failure> {
        let start = |clients| Self::start(args, clients, None, &["--client-cache", LEAST_CACHE]);
        let (small, large) = (start(SMALL)?, start(args.clients)?);
        let few = small.walk(SMALL)?.ids;
        println!("with next to none in memory:");
        for connections in CONNECTIONS {
            let mut growth = Vec::new();
            for _ in 0..ROUNDS {
                let least = small.read(connections, "GET of 1,000 clients, unkept", &few)?;
                let all = large.read(connections, "GET of all of the many, unkept", ids)?;
                growth.push(all.p99 / least.p99);
            }
            let growth = median(growth);
            println!(
                "p99 of the many to that of 1,000, from {connections} connections: {growth:.2}"
            );
        }
        small.server.stop()?;
        large.server.stop()
    }

    fn read(&self, connections: usize, what: &str, ids: &[String]) -> Result<Pace, Failure> {
        let load = Load { connections, threads: 1, seconds: 2.0, engine: None };
        let reads = Reads::by_id(&self.token, ids.iter().map(String::as_str));
        let seen = pace(&generator::drive(&load, &[self.server.target()], &reads)?);
        let Pace { per_second, p50, p99, cpu, .. } = seen;
        println!(
            "{what:<46} p50 {p50:6.2} ms  p99 {p99:6.2} ms  {per_second:.0}/s, CPU {cpu:.1} µs"
        );
        Ok(seen)
    }

    fn fetch(&self, path: &str) -> Result<String, Failure> {
        let token = &self.token;
        let head = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n");
        let request = format!("{head}Authorization: Bearer {token}\r\n\r\n");
        let answer = self.server.fetch(request.as_bytes())?;
        if answer.body.contains("\"error\"") {
            return Err(format!("{path}: {}", answer.body).into());
        }
        Ok(answer.body)
    }

    /// Reads the whole list by name: every client has to be there, and once.
    fn walk(&self, clients: u32) -> Result<Walk, Failure> {
        let (mut cursors, mut ids) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        let mut cursor = None;
        loop {
            let page: Value = serde_json::from_str(&self.fetch(&page(WALK, cursor.as_deref()))?)?;
            let rows = page["data"].as_array().into_iter().flatten();
            ids.extend(rows.filter_map(|row| row["id"].as_str().map(str::to_owned)));
            if page["total_count"] != clients {
                return Err(format!("a page counts {}", page["total_count"]).into());
            }
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            match &cursor {
                Some(next) => cursors.push(next.clone()),
                None => break,
            }
        }
        // The end of an id is random.
        ids.sort_by(|one, other| one[19..].cmp(&other[19..]));
        ids.dedup();
        if ids.len() != clients as usize {
            return Err(format!("the walk saw {} clients", ids.len()).into());
        }
        let rate = f64::from(clients) / begun.elapsed().as_secs_f64();
        println!("the list by name was walked at {rate:.0} clients/s, {WALK} a page");
        let at = |place: usize| cursors.get(place).cloned().ok_or("the list has one page");
        let (middle, last) = (cursors.len() / 2, cursors.len().saturating_sub(1));
        Ok(Walk { second: at(0)?, middle: at(middle)?, last: at(last)?, ids })
    }

    fn measure(&self, name: &str, path: &str, repeat: u32) -> Result<bool, Failure> {
        let mut latencies = Latencies::new()?;
        let mut body = String::new();
        for _ in 0..repeat {
            let begun = Instant::now();
            body = self.fetch(path)?;
            latencies.record(begun.elapsed())?;
        }
        let page: Value = serde_json::from_str(&body)?;
        let rows = ["data", "clients"].iter().find_map(|name| page[*name].as_array());
        let rows = rows.map_or(0, Vec::len);
        let totals = ["/total_count", "/pagination/total", "/totalElements"];
        let total = totals.iter().find_map(|at| page.pointer(at)).and_then(Value::as_i64);
        let total = total.map_or("none".to_owned(), |total| total.to_string());
        let [median, p99, max] = [50.0, 99.0, 100.0].map(|percent| latencies.percentile(percent));
        let met = p99 < TARGET;
        let mark = mark(met);
        println!(
            "{name:<46} p50 {median:6.2} ms  p99 {p99:6.2} ms  max {max:6.2} ms  {rows:>3} rows of \
             {total}{mark}"
        );
        Ok(met)
    }
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

fn page(size: u32, cursor: Option<&str>) -> String {
    let cursor = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
    format!("/v2/clients?sort_by=name&page_size={size}{cursor}")
}

fn requests(clients: u32, walk: &Walk) -> Vec<(&'static str, String)> {
    let tenants = format!("/clients/v1/tenants/{TENANT}/clients");
    let rare = clients / 7;
    let (end, half) = (clients / 100, clients / 200);
    vec![
        ("v2 by name, first page", page(50, None)),
        ("v2 by name, second page", page(50, Some(&walk.second))),
        ("v2 by name, a page in the middle", page(50, Some(&walk.middle))),
        ("v2 by name, last page", page(50, Some(&walk.last))),
        ("v2 by name, first page of 500", page(500, None)),
        ("v2 by name, from the end", "/v2/clients?sort_order=desc".into()),
        ("v2 by change, newest first", "/v2/clients?sort_by=updated_at&sort_order=desc".into()),
        ("v2 by creation", "/v2/clients?sort_by=created_at".into()),
        ("v2 q, in every client", "/v2/clients?q=sample".into()),
        ("v2 q, in every client, by change", "/v2/clients?q=sample&sort_by=updated_at".into()),
        ("v2 q, in one client", format!("/v2/clients?q=client{rare}.example")),
        ("v2 q, in one client of ninety", "/v2/clients?q=client%2077".into()),
        ("v2 q, four digits", "/v2/clients?q=7777".into()),
        ("v2 q, three digits", "/v2/clients?q=777".into()),
        ("v2 q, two letters in every client", "/v2/clients?q=sa".into()),
        ("v2 q, two letters in none", "/v2/clients?q=zq".into()),
        ("v2 q, nowhere", "/v2/clients?q=nowhere".into()),
        ("v2 of a status", "/v2/clients?status=active".into()),
        ("v2 of a status that few have", "/v2/clients?status=terminated".into()),
        ("v2 q and a status", "/v2/clients?q=sample&status=active".into()),
        ("tenants, page 1 of 100", format!("{tenants}?limit=100")),
        ("tenants, page in the middle of 100", format!("{tenants}?limit=100&page={half}")),
        ("tenants, last page of 100", format!("{tenants}?limit=100&page={end}")),
        ("tenants, active, in the middle", format!("{tenants}?active=true&limit=100&page={half}")),
        ("tenants, a rare name", format!("{tenants}?name=client%20{rare}%20")),
        ("tenants, a common name", format!("{tenants}?name=sample")),
        ("tenants, a tag of all", format!("{tenants}?tags=north")),
        ("workspace, first page", format!("/v1/workspace/{TENANT}/clients")),
        ("success, a page in the middle", format!("/client/search?page={half}&size=100")),
        ("success, an external id", format!("/client/search?externalId=crm-{rare}")),
        ("success, a rare name", format!("/client/search?name=client%20{rare}%20")),
    ]
}
