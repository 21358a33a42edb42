//! A lock whose holder works with the priority of the most urgent one who waits for it. The threads that answer and judge run before
//! all others; a thread that counts or evicts would else keep them waiting behind whatever the host is busy with, an attack by many
//! threads for one.
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

pub struct PiMutex<T> {
    /// Its address must not change.
    raw: Box<UnsafeCell<libc::pthread_mutex_t>>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the lock alone, by one thread at a time.
unsafe impl<T: Send> Send for PiMutex<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for PiMutex<T> {}

impl<T> PiMutex<T> {
    pub fn new(value: T) -> Self {
        let raw = Box::new(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));
        // SAFETY: `attributes` is initialised before it is used and destroyed after; `raw` is not used by anybody yet.
        unsafe {
            let mut attributes = std::mem::zeroed::<libc::pthread_mutexattr_t>();
            libc::pthread_mutexattr_init(&raw mut attributes);
            // Without it (an old C library) it is an ordinary lock.
            libc::pthread_mutexattr_setprotocol(&raw mut attributes, libc::PTHREAD_PRIO_INHERIT);
            libc::pthread_mutex_init(raw.get(), &raw const attributes);
            libc::pthread_mutexattr_destroy(&raw mut attributes);
        }
        Self {
            raw,
            value: UnsafeCell::new(value),
        }
    }

    /// Panics when this thread has it already.
    pub fn lock(&self) -> PiGuard<'_, T> {
        // SAFETY: it was initialised, and lives as long as `self`.
        let result = unsafe { libc::pthread_mutex_lock(self.raw.get()) };
        assert_eq!(result, 0, "the lock is taken by this thread already");
        self.guard()
    }

    /// `None` while somebody has it.
    pub fn try_lock(&self) -> Option<PiGuard<'_, T>> {
        // SAFETY: it was initialised, and lives as long as `self`.
        let result = unsafe { libc::pthread_mutex_trylock(self.raw.get()) };
        (result == 0).then(|| self.guard())
    }

    fn guard(&self) -> PiGuard<'_, T> {
        PiGuard {
            mutex: self,
            of_this_thread: PhantomData,
        }
    }
}

impl<T> Drop for PiMutex<T> {
    fn drop(&mut self) {
        // SAFETY: nobody has it: a guard would borrow it.
        unsafe { libc::pthread_mutex_destroy(self.raw.get()) };
    }
}

impl<T> fmt::Debug for PiMutex<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PiMutex")
    }
}

/// Gives the lock back when dropped. Only the thread that took it may.
pub struct PiGuard<'a, T> {
    mutex: &'a PiMutex<T>,
    of_this_thread: PhantomData<*const ()>,
}

impl<T> Deref for PiGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard's thread has the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for PiGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard's thread has the lock, and the guard is borrowed by one alone.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for PiGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this thread has the lock.
        unsafe { libc::pthread_mutex_unlock(self.mutex.raw.get()) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn one_thread_at_a_time_changes_the_value() {
        let counter = Arc::new(PiMutex::new(0_u64));
        let add = |_| {
            let counter = Arc::clone(&counter);
            std::thread::spawn(move || (0..10_000).for_each(|_| *counter.lock() += 1))
        };
        let threads: Vec<_> = (0..4).map(add).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*counter.lock(), 40_000);
        let held = counter.lock();
        let other = Arc::clone(&counter);
        let free = std::thread::spawn(move || other.try_lock().is_some());
        assert!(!free.join().unwrap());
        drop(held);
        assert!(counter.try_lock().is_some());
    }

    /// The priority a thread runs with, which is not the one it was given; kernel's scale, lower is more urgent.
    fn priority(thread: libc::pid_t) -> i64 {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
        let rest = &stat[stat.rfind(')').unwrap() + 2..];
        rest.split(' ').nth(15).unwrap().parse().unwrap()
    }

    /// Needs the right to real-time priorities, like the agent.
    #[test]
    fn whoever_has_the_lock_is_as_urgent_as_the_one_who_waits() {
        let lock = Arc::new(PiMutex::new(()));
        let held = lock.lock();
        // SAFETY: takes nothing.
        let own = unsafe { libc::gettid() };
        let before = priority(own);
        assert!(before >= 0, "as urgent as any ordinary thread");
        let waiting = Arc::clone(&lock);
        let urgent = std::thread::spawn(move || {
            let urgency = libc::sched_param { sched_priority: 7 };
            // SAFETY: `urgency` outlives the call.
            let set = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const urgency) };
            assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
            drop(waiting.lock());
        });
        while priority(own) != -8 {
            assert!(!urgent.is_finished(), "it did not wait");
            std::thread::yield_now();
        }
        drop(held);
        urgent.join().unwrap();
        assert_eq!(priority(own), before);
    }
}
