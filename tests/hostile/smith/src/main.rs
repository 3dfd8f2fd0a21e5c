//! `smith COUNT SEED FOLDER ENGINE`: writes COUNT modules, the same ones for the same seed and engine.
//!
//! Most use only what plugind's engine (wasmtime or wasmer) has switched on, and import nothing. Every eighth may use
//! every proposal, and every sixteenth may import, so that refusing is generated too.

use arbitrary::Unstructured;
use std::{env, fs, path::Path};
use wasm_smith::{Config, Module};

fn main() {
    let args: Vec<String> = env::args().collect();
    let count: u64 = args[1].parse().expect("COUNT is a number");
    let seed: u64 = args[2].parse().expect("SEED is a number");
    let folder = Path::new(&args[3]);
    for number in 0..count {
        let bytes = entropy(seed.wrapping_add(number), 4096 << (number % 4));
        let mut source = Unstructured::new(&bytes);
        let module = Module::new(config(number, &args[4]), &mut source).expect("enough entropy for a module");
        let name = folder.join(format!("{number:05}.wasm"));
        fs::write(name, module.to_bytes()).expect("FOLDER can be written to");
    }
}

fn config(number: u64, engine: &str) -> Config {
    let base = Config {
        export_everything: true,
        min_funcs: 2,
        min_types: 3,
        max_instructions: 400,
        max_imports: if number % 16 == 15 { 3 } else { 0 },
        min_imports: if number % 16 == 15 { 1 } else { 0 },
        allow_start_export: number % 4 == 1,
        ..Config::default()
    };
    if number % 8 == 7 {
        return Config {
            memory64_enabled: true,
            max_memories: 3,
            ..base
        };
    }
    Config {
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        max_memories: 1,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        simd_enabled: engine == "wasmtime" || number % 8 == 4, // wasmer refuses what was added to SIMD last
        extended_const_enabled: false,
        reference_types_enabled: number % 4 == 2, // with them come externref, which the engine refuses without gc
        ..base
    }
}

/// xorshift64*: enough randomness for this, and no dependency.
fn entropy(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes
}
