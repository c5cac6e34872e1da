//! `kill -9` during concurrent writes on all surfaces.

use super::load::Load;
use super::model::{self, Lane, Open};
use crate::process::Server;
use std::time::Duration;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_write_survives_a_kill() {
    let cycles = super::cycles(20);
    let directory = TempDir::new().expect("a temporary directory");
    let mut steps = [0; Lane::ALL.len()];
    let mut total = 0;
    for cycle in 0..cycles {
        let server = Server::start(directory.path());
        let load = Load::start(&server, steps, &[]);
        let before = load.answered();
        load.until("write", |load| load.answered() > before).await;
        // Any moment will do; a different one each time covers more of them.
        tokio::time::sleep(Duration::from_millis(20 + u64::from(cycle * 37 % 200))).await;
        server.kill();
        steps = load.stop().await;
        total += steps.iter().sum::<u64>() - before;
        // Starts it again, by itself.
        let server = Server::start(directory.path());
        model::compare(&server, directory.path(), &mut steps, Open::MayStand).await;
    }
    println!("kill -9: {cycles} kills, {total} answered writes: none lost, none half there");
}
