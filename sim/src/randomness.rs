//! The process's own randomness, made repeatable.
//!
//! Hash maps and tokio's fair choices draw their seeds from the operating system. A run that is to be replayed from a
//! number must not, so this program brings its own `getrandom`, which the standard library and the `getrandom` crate
//! prefer over the system call. Until [`seed_this_process`] is called it gives the system's randomness.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static SEEDED: AtomicBool = AtomicBool::new(false);
static STATE: AtomicU64 = AtomicU64::new(0);

/// From now on all randomness of this process follows from `seed`. Call it before any thread that matters starts.
pub fn seed_this_process(seed: u64) {
    STATE.store(seed, Ordering::SeqCst);
    SEEDED.store(true, Ordering::SeqCst);
}

/// SplitMix64, whose whole state is a counter.
fn next() -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = STATE.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn fill(buffer: &mut [u8]) -> bool {
    if SEEDED.load(Ordering::SeqCst) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&next().to_le_bytes()[..chunk.len()]);
        }
        return true;
    }
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).is_ok()
}

/// Stands in for the C library's function of this name: same arguments, same results.
///
/// # Safety
/// `buffer` must point to `length` writable bytes, as the C library asks.
#[allow(unsafe_code, reason = "taking the place of a C function is the only way to reach what the libraries draw")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    if buffer.is_null() || length == 0 {
        return 0;
    }
    // SAFETY: the caller promises that these bytes are writable and its own.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
    if fill(bytes) { length as isize } else { -1 }
}
