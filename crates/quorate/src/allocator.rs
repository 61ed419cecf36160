//! The allocator: mimalloc, told to keep an idle server small.
//!
//! mimalloc asks the kernel for huge pages, so the first few small objects of a size touch 2 MiB each: an idle server then
//! takes 20 MB instead of 7. It is built without that (the feature `no_thp`), and where the machine hands huge pages to
//! everyone this process declines them. Freed pages go back to the kernel after 10 ms and not after a second: what ten
//! thousand clients used for the moment in which they came is otherwise kept until something else is freed, 2 kB for each of
//! them. At a million keys it is still a quarter quicker per write than the system's.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The number of mimalloc's option `purge_delay` in its version 3, whose binding has no name for it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// How long freed pages are kept for the next use, in milliseconds: mimalloc's own choice before its version 3.
const PURGE_DELAY_MS: std::ffi::c_long = 10;

/// Gives freed pages back soon, and declines huge pages for the whole process. Call it first of all.
pub(crate) fn keep_small() {
    #[allow(unsafe_code, reason = "a setter of a C library; called before there is a second thread, as it asks for")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS);
    }
    // A kernel that does not know the call hands none out, or hands them out: either way the server runs.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
