//! Each target survives its corpus, and some thousand mutations of it that are always the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use boltorezka_fuzz::{TARGETS, Target, find, mutate::mutate, seeds};

/// The inputs of a target, by name, so that mutations do not depend on the order of a folder.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{} is missing", folder.display())).flatten();
    let mut inputs: Vec<_> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    inputs.sort();
    inputs
}

fn survives(name: &str) {
    let target = find(name).unwrap();
    let inputs = corpus(&target);
    assert!(!inputs.is_empty());
    for (file, input) in &inputs {
        assert!(catch_unwind(|| (target.run)(input)).is_ok(), "{name} does not survive corpus/{name}/{file}");
    }
    for number in 0..target.test_runs {
        let mut random = fastrand::Rng::with_seed(number.into());
        let (_, mut input) = random.choice(&inputs).unwrap().clone();
        let (_, other) = random.choice(&inputs).unwrap();
        mutate(&mut input, other, &mut random);
        assert!(catch_unwind(|| (target.run)(&input)).is_ok(), "{name} does not survive mutation {number}: {input:?}");
    }
}

/// A test for each target, so that they run beside each other.
macro_rules! survive {
    ($($name:ident)*) => {
        $(#[test] fn $name() { survives(stringify!($name)); })*
        #[test]
        fn no_target_is_left_out() {
            let tested = BTreeSet::from([$(stringify!($name)),*]);
            assert_eq!(tested, TARGETS.iter().map(|target| target.name).collect());
        }
    };
}

survive!(payloads dependency redundancy reports frames offer messages strangers shard);

#[test]
fn each_target_is_a_libfuzzer_target_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let source = fs::read_to_string(folder.join(format!("fuzz_targets/{}.rs", target.name))).unwrap();
        assert!(source.contains(&format!("\"{}\"", target.name)), "{source}");
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} is not in its manifest", target.name);
    }
}

#[test]
fn the_corpus_holds_the_valid_inputs() {
    // Offers hold new credentials each time.
    for target in TARGETS.iter().filter(|target| target.name != "offer") {
        let committed: BTreeSet<Vec<u8>> = corpus(target).into_iter().map(|(_, input)| input).collect();
        for seed in seeds::of(target.name) {
            assert!(committed.contains(&seed), "{}: run `boltorezka-fuzz corpus`", target.name);
        }
    }
}
