//! What filters cost: `cargo run --release -p quorate-filter --example cost`.
//!
//! Prints how long compiling takes and what is held for patterns made to be large, and what a step is in nanoseconds for
//! texts and patterns made to need many.

use std::time::{Duration, Instant};

use quorate_filter::{Filter, HEALTH_CHECKS, STEPS_MAX};
use serde_json::json;

fn main() {
    println!("{:<44} {:>10} {:>10} {:>8}", "compiling", "ms", "kB", "outcome");
    let folded = format!("Output matches `(?i){}`", "[ -\u{10ffff}]".repeat(8_000));
    let classes = format!("Output matches `{}`", r"\pL".repeat(21_000));
    let folded_classes = format!("Output matches `(?i){}`", r"\pL".repeat(21_000));
    let brackets = format!("Output matches `{}`", "[[:".to_owned() + &"[:".repeat(32_000));
    let strings = vec![r#"Output == "\q""#; 3_600].join(" or ");
    let counted = r"Output matches `\pL{23}`".to_owned();
    let counted_many = vec![r"Output matches `\pL{23}`"; 32].join(" or ");
    for (name, text) in [
        ("an ordinary pattern", "Output matches `error.*refused`"),
        (r"\pL{23}", &counted),
        (r"32 times \pL{23}", &counted_many),
        (r"21,000 times \pL", &classes),
        (r"21,000 times \pL without case", &folded_classes),
        ("8,000 whole ranges without case", &folded),
        ("32,000 brackets that do not close", &brackets),
        ("3,600 strings with a wrong escape", &strings),
    ] {
        let begin = Instant::now();
        let parsed = Filter::parse(text, &HEALTH_CHECKS);
        let (weight, outcome) = parsed.map_or((0, "refused"), |filter| (filter.weight_bytes(), "taken"));
        println!("{name:<44} {:>10.2} {:>10.1} {outcome:>8}", ms(begin.elapsed()), weight as f64 / 1e3);
    }

    println!("\n{:<44} {:>10} {:>10} {:>8}", "300 kB of text", "ms", "steps/B", "ns/step");
    let random: String =
        (0..300_000_u32).map(|at| if at.wrapping_mul(2_654_435_761) >> 31 == 0 { 'a' } else { 'b' }).collect();
    let plain = "no such thing here ".repeat(15_800);
    let greek = "αβγδεζηθικλμν".repeat(11_000);
    for (text, pattern) in [
        (&plain, "`error.*refused`"),
        (&plain, "`(?i)error|fatal|panic`"),
        (&random, "`(a|b)*a(a|b){12}c`"),
        (&random, "`(a|b)*a(a|b){900}c`"),
        (&random, "`((a?){31}b?){31}c`"),
        (&random, "`(.*a.*b){200}c`"),
        (&greek, r"`\pL{40}!`"),
        (&greek, r"`(\pL?){40}!`"),
    ] {
        let filter = Filter::parse(format!("Output matches {pattern}"), &HEALTH_CHECKS).expect("a filter");
        let result = json!({ "Output": text });
        let mut run = filter.run(STEPS_MAX);
        let begin = Instant::now();
        let outcome = run.passes(&result);
        let elapsed = begin.elapsed();
        let ns = elapsed.as_nanos() as f64 / run.steps_taken() as f64;
        let end = if outcome.is_err() { "stopped" } else { "" };
        println!(
            "{pattern:<44} {:>10.1} {:>10.1} {ns:>8.2} {end}",
            ms(elapsed),
            run.steps_taken() as f64 / text.len() as f64
        );
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
