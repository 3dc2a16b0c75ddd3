// Tells ThreadSanitizer how Abseil's primitives order memory. Debian's Abseil is not instrumented, so without this
// every absl::Mutex looks like no lock at all. Linked by --config=tsan only. The functions here take the place of the
// shared library's, call them, and annotate: what happened before a release is seen after the next acquire.
#include <dlfcn.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

namespace {

// The library's own function of this (mangled) name.
template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void Acquire(const void* address) { __tsan_acquire(const_cast<void*>(address)); }
void Release(const void* address) { __tsan_release(const_cast<void*>(address)); }

}  // namespace

#define HONE_ABSL "_ZN4absl7debian3"
#define HONE_ABSL_CONST "_ZNK4absl7debian3"
#define HONE_REAL(name, ...) static auto* const real = Real<__VA_ARGS__>(name);

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  HONE_REAL(HONE_ABSL "5Mutex4LockEv", void(Mutex*));
  real(this);
  Acquire(this);
}
void Mutex::Unlock() {
  HONE_REAL(HONE_ABSL "5Mutex6UnlockEv", void(Mutex*));
  Release(this);
  real(this);
}
bool Mutex::TryLock() {
  HONE_REAL(HONE_ABSL "5Mutex7TryLockEv", bool(Mutex*));
  const bool locked = real(this);
  if (locked) Acquire(this);
  return locked;
}
void Mutex::ReaderLock() {
  HONE_REAL(HONE_ABSL "5Mutex10ReaderLockEv", void(Mutex*));
  real(this);
  Acquire(this);
}
void Mutex::ReaderUnlock() {
  HONE_REAL(HONE_ABSL "5Mutex12ReaderUnlockEv", void(Mutex*));
  Release(this);
  real(this);
}
void Mutex::Await(const Condition& condition) {
  HONE_REAL(HONE_ABSL "5Mutex5AwaitERKNS0_9ConditionE", void(Mutex*, const Condition&));
  Release(this);
  real(this, condition);
  Acquire(this);
}
bool Mutex::AwaitWithTimeout(const Condition& condition, absl::Duration timeout) {
  HONE_REAL(HONE_ABSL "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE",
            bool(Mutex*, const Condition&, absl::Duration));
  Release(this);
  const bool met = real(this, condition, timeout);
  Acquire(this);
  return met;
}
bool Mutex::AwaitWithDeadline(const Condition& condition, absl::Time deadline) {
  HONE_REAL(HONE_ABSL "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE",
            bool(Mutex*, const Condition&, absl::Time));
  Release(this);
  const bool met = real(this, condition, deadline);
  Acquire(this);
  return met;
}
void Mutex::LockWhen(const Condition& condition) {
  HONE_REAL(HONE_ABSL "5Mutex8LockWhenERKNS0_9ConditionE", void(Mutex*, const Condition&));
  real(this, condition);
  Acquire(this);
}
bool Mutex::LockWhenWithTimeout(const Condition& condition, absl::Duration timeout) {
  HONE_REAL(HONE_ABSL "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE",
            bool(Mutex*, const Condition&, absl::Duration));
  const bool met = real(this, condition, timeout);
  Acquire(this);
  return met;
}
bool Mutex::LockWhenWithDeadline(const Condition& condition, absl::Time deadline) {
  HONE_REAL(HONE_ABSL "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE",
            bool(Mutex*, const Condition&, absl::Time));
  const bool met = real(this, condition, deadline);
  Acquire(this);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  HONE_REAL(HONE_ABSL "7CondVar4WaitEPNS0_5MutexE", void(CondVar*, Mutex*));
  Release(mutex);
  real(this, mutex);
  Acquire(mutex);
}
bool CondVar::WaitWithTimeout(Mutex* mutex, absl::Duration timeout) {
  HONE_REAL(HONE_ABSL "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE", bool(CondVar*, Mutex*, absl::Duration));
  Release(mutex);
  const bool timed_out = real(this, mutex, timeout);
  Acquire(mutex);
  return timed_out;
}
bool CondVar::WaitWithDeadline(Mutex* mutex, absl::Time deadline) {
  HONE_REAL(HONE_ABSL "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE", bool(CondVar*, Mutex*, absl::Time));
  Release(mutex);
  const bool timed_out = real(this, mutex, deadline);
  Acquire(mutex);
  return timed_out;
}

void Notification::Notify() {
  HONE_REAL(HONE_ABSL "12Notification6NotifyEv", void(Notification*));
  Release(this);
  real(this);
}
void Notification::WaitForNotification() const {
  HONE_REAL(HONE_ABSL_CONST "12Notification19WaitForNotificationEv", void(const Notification*));
  real(this);
  Acquire(this);
}
bool Notification::WaitForNotificationWithTimeout(absl::Duration timeout) const {
  HONE_REAL(HONE_ABSL_CONST "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE",
            bool(const Notification*, absl::Duration));
  const bool notified = real(this, timeout);
  if (notified) Acquire(this);
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
