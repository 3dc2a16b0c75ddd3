#include "worker/builder/local_builder.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::builder {
namespace {

// What another attempt may change is not kept.
bool IsRepeatable(FailureKind kind) {
  return kind == FailureKind::kParse || kind == FailureKind::kSchedule || kind == FailureKind::kPostproc ||
         kind == FailureKind::kBuild;
}

uint64_t BytesOf(const Artifact& artifact) { return artifact.bytes.size() + artifact.metadata_json.size() + 512; }

constexpr uint64_t kEntryBytes = 256;

}  // namespace

Digest RequestId(const BuildRequest& request) {
  return Sha256(StrCat("hone-build-v1\n", request.workload_script.size(), "\n", request.workload_script,
                       request.trace_json.size(), "\n", request.trace_json, request.target_json));
}

void ArtifactCache::Touch(std::list<Entry>::iterator entry) { recent_.splice(recent_.begin(), recent_, entry); }

std::optional<BuildResult> ArtifactCache::Find(const Digest& request) {
  absl::MutexLock lock(&mutex_);
  auto it = by_request_.find(request);
  if (it == by_request_.end()) return std::nullopt;
  Touch(it->second);
  BuildResult result;
  result.failure = it->second->failure;
  if (it->second->artifact.has_value()) result.artifact = artifacts_.at(*it->second->artifact).artifact;
  return result;
}

bool ArtifactCache::Has(const Digest& key) {
  absl::MutexLock lock(&mutex_);
  return artifacts_.count(key) > 0;
}

std::optional<Artifact> ArtifactCache::Get(const Digest& key) {
  absl::MutexLock lock(&mutex_);
  auto it = artifacts_.find(key);
  if (it == artifacts_.end()) return std::nullopt;
  return it->second.artifact;
}

void ArtifactCache::Put(const Digest& request, const BuildResult& result) {
  if (result.failure.has_value() && !IsRepeatable(result.failure->kind)) return;
  absl::MutexLock lock(&mutex_);
  if (by_request_.count(request) > 0) return;
  Entry entry = {request, std::nullopt, result.failure};
  if (result.artifact.has_value()) {
    entry.artifact = result.artifact->key;
    Stored& stored = artifacts_[result.artifact->key];
    if (stored.uses++ == 0) {
      stored.artifact = *result.artifact;
      bytes_ += BytesOf(stored.artifact);
    }
  }
  recent_.push_front(std::move(entry));
  by_request_[request] = recent_.begin();
  bytes_ += kEntryBytes;
  Shrink();
}

void ArtifactCache::Shrink() {
  while (bytes_ > max_bytes_ && !recent_.empty()) {
    const Entry& last = recent_.back();
    if (last.artifact.has_value()) {
      auto stored = artifacts_.find(*last.artifact);
      if (--stored->second.uses == 0) {
        bytes_ -= BytesOf(stored->second.artifact);
        artifacts_.erase(stored);
      }
    }
    bytes_ -= kEntryBytes;
    by_request_.erase(last.request);
    recent_.pop_back();
  }
}

absl::StatusOr<std::unique_ptr<LocalBuilder>> LocalBuilder::Create(CompileFunction compile,
                                                                   std::function<void()> warm_up,
                                                                   LocalBuilderOptions options) {
  CompilePoolOptions pool_options;
  pool_options.workers = options.workers;
  pool_options.cpus = options.cpus;
  pool_options.timing_lock = options.pause_while_timing ? TimingLock::Host() : nullptr;
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<CompilePool> pool,
                        CompilePool::Start(std::move(compile), std::move(warm_up), std::move(pool_options)));
  return std::unique_ptr<LocalBuilder>(new LocalBuilder(std::move(pool), options.cache_bytes));
}

BuildResult LocalBuilder::BuildOneCached(const BuildRequest& request) {
  if (!use_cache_) return pool_->Compile(request, nullptr);
  const Digest id = RequestId(request);
  if (std::optional<BuildResult> known = cache_.Find(id)) return *std::move(known);
  BuildResult result = pool_->Compile(request, [this](const Digest& key) { return cache_.Has(key); });
  if (result.artifact.has_value() && result.artifact->bytes.empty()) {
    // The lowered module was compiled before, for another trace.
    std::optional<Artifact> known = cache_.Get(result.artifact->key);
    // Pushed out meanwhile: compile it after all.
    if (!known.has_value()) return pool_->Compile(request, nullptr);
    result.artifact = *std::move(known);
  }
  cache_.Put(id, result);
  return result;
}

std::vector<BuildResult> LocalBuilder::Build(absl::Span<const BuildRequest> requests) {
  std::vector<BuildResult> results(requests.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < requests.size();) results[i] = BuildOneCached(requests[i]);
  };
  const size_t helpers = std::min<size_t>(requests.size(), static_cast<size_t>(pool_->workers()));
  std::vector<std::thread> threads;
  for (size_t i = 1; i < helpers; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace hone::builder
