//! The same judge, natively: reads one request a line, as JSON, and writes the
//! answer with the mean time of it in milliseconds. For `vectors.mjs`, which
//! holds both builds against each other.

use std::{error::Error, fs, io::BufRead as _, sync::OnceLock, time::Instant};

use serde_json::{Value, json};
use synod_wasm::request::Request;

fn main() -> Result<(), Box<dyn Error>> {
    let runs: u32 = std::env::args().nth(1).ok_or("how many runs?")?.parse()?;
    for line in std::io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let (request, now_ms) = read(&line).ok_or("a request is malformed")?;
        let answer = request.clone().answer(now_ms);
        let begin = processor_ms();
        for _ in 0..runs {
            std::hint::black_box(request.clone().answer(now_ms));
        }
        let milliseconds = (processor_ms() - begin) / f64::from(runs);
        println!(
            "{}",
            json!({ "answer": answer, "milliseconds": milliseconds })
        );
    }
    Ok(())
}

fn read(line: &Value) -> Option<(Request, u64)> {
    let text = |key: &str| Some(line[key].as_str()?.as_bytes().to_vec());
    let request = Request {
        tee: text("tee")?,
        evidence: hex::decode(text("evidence")?).ok()?,
        endorsements: hex::decode(text("endorsements")?).ok()?,
        policy: text("policy")?,
        ..Request::default()
    };
    Some((request, line["atMs"].as_u64()?))
}

/// Milliseconds of this thread on a processor; of the wall where the system
/// does not tell.
fn processor_ms() -> f64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let wall = || BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0;
    nanoseconds.map_or_else(wall, |nanoseconds| nanoseconds / 1e6)
}
