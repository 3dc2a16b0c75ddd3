#include "worker/runner/reference.h"

#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <list>
#include <map>
#include <sstream>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::runner {
namespace {

constexpr std::string_view kMagic = "hone-reference-v2\n";
// Larger references are not written to disk: hashing, writing and reading them takes as long as computing them.
constexpr uint64_t kMaxFileBytes = uint64_t{128} << 20;

void AppendNumber(std::string* out, uint64_t value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

bool TakeNumber(std::string_view* in, uint64_t* value) {
  if (in->size() < sizeof(*value)) return false;
  std::memcpy(value, in->data(), sizeof(*value));
  in->remove_prefix(sizeof(*value));
  return true;
}

class CachingProvider final : public ReferenceProvider {
 public:
  CachingProvider(std::shared_ptr<ReferenceProvider> source, std::string folder, uint64_t memory_bytes)
      : source_(std::move(source)), folder_(std::move(folder)), memory_bytes_(memory_bytes) {
    if (!folder_.empty()) mkdir(folder_.c_str(), 0700);
  }

  absl::StatusOr<std::shared_ptr<const Reference>> Get(const ReferenceKey& key) override {
    const Digest id = IdOf(key);
    if (std::shared_ptr<const Reference> kept = FromMemory(id)) return kept;
    if (absl::StatusOr<Reference> stored = FromDisk(id); stored.ok()) {
      return Keep(id, std::make_shared<const Reference>(*std::move(stored)));
    }
    HONE_ASSIGN_OR_RETURN(std::shared_ptr<const Reference> computed, source_->Get(key));
    ToDisk(id, *computed);
    return Keep(id, std::move(computed));
  }

 private:
  using Entry = std::pair<Digest, std::shared_ptr<const Reference>>;

  static uint64_t BytesOf(const Reference& reference) {
    uint64_t bytes = 0;
    for (const std::string& contents : reference.contents) bytes += contents.size();
    return bytes;
  }

  std::shared_ptr<const Reference> FromMemory(const Digest& id) {
    absl::MutexLock lock(&mutex_);
    auto it = by_id_.find(id);
    if (it == by_id_.end()) return nullptr;
    recent_.splice(recent_.begin(), recent_, it->second);
    return it->second->second;
  }

  std::shared_ptr<const Reference> Keep(const Digest& id, std::shared_ptr<const Reference> kept) {
    absl::MutexLock lock(&mutex_);
    if (by_id_.count(id) > 0) return kept;
    recent_.emplace_front(id, kept);
    by_id_[id] = recent_.begin();
    used_ += BytesOf(*kept);
    while (used_ > memory_bytes_ && recent_.size() > 1) {
      used_ -= BytesOf(*recent_.back().second);
      by_id_.erase(recent_.back().first);
      recent_.pop_back();
    }
    return kept;
  }

  std::string PathOf(const Digest& id) const { return StrCat(folder_, "/", id.Hex(), ".reference"); }

  absl::StatusOr<Reference> FromDisk(const Digest& id) const {
    if (folder_.empty()) return absl::NotFoundError("no folder");
    std::ifstream file(PathOf(id), std::ios::binary);
    if (!file) return absl::NotFoundError("not stored");
    std::stringstream bytes;
    bytes << file.rdbuf();
    return DecodeReference(bytes.str());
  }

  // A cache: what cannot be written is computed again next time.
  void ToDisk(const Digest& id, const Reference& reference) const {
    if (folder_.empty() || BytesOf(reference) > kMaxFileBytes) return;
    const std::string path = PathOf(id);
    const std::string temporary = StrCat(path, ".", getpid());
    std::ofstream(temporary, std::ios::binary) << EncodeReference(reference);
    if (std::rename(temporary.c_str(), path.c_str()) != 0) {
      HONE_LOG(kWarning) << "reference output not cached in " << path;
    }
  }

  const std::shared_ptr<ReferenceProvider> source_;
  const std::string folder_;
  const uint64_t memory_bytes_;
  absl::Mutex mutex_;  // Never held while computing or reading files.
  std::list<Entry> recent_ ABSL_GUARDED_BY(mutex_);
  std::map<Digest, std::list<Entry>::iterator> by_id_ ABSL_GUARDED_BY(mutex_);
  uint64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::optional<Failure> FetchReference(ReferenceProvider& provider, const ReferenceKey& key,
                                      std::shared_ptr<const Reference>* reference) {
  auto fetched = provider.Get(key);
  if (!fetched.ok()) {
    const FailureKind kind = absl::IsUnavailable(fetched.status()) ? FailureKind::kDeviceLost : FailureKind::kRun;
    return Failure{kind, StrCat("no reference output: ", ToStd(fetched.status().message()))};
  }
  if ((*fetched)->roles.size() != key.args.size()) {
    return Failure{FailureKind::kRun,
                   StrCat("the kernel has ", key.args.size(), " parameters, the workload ", (*fetched)->roles.size())};
  }
  *reference = *std::move(fetched);
  return std::nullopt;
}

Digest IdOf(const ReferenceKey& key) {
  std::string text = StrCat("hone-reference-v2\n", key.input_seed, "\n");
  for (const TensorInfo& arg : key.args) StrAppend(&text, arg.dtype, "[", absl::StrJoin(arg.shape, ","), "]\n");
  StrAppend(&text, key.workload_script);
  return Sha256(text);
}

std::string EncodeReference(const Reference& reference) {
  std::string out(kMagic);
  AppendNumber(&out, std::bit_cast<uint64_t>(reference.reduction_length));
  AppendNumber(&out, reference.roles.size());
  for (size_t i = 0; i < reference.roles.size(); ++i) {
    AppendNumber(&out, static_cast<uint64_t>(reference.roles[i]));
    AppendNumber(&out, reference.contents[i].size());
    out += reference.contents[i];
  }
  const Digest digest = Sha256(out);
  return out + digest.Raw();
}

absl::StatusOr<Reference> DecodeReference(std::string_view bytes) {
  const absl::Status damaged = absl::DataLossError("damaged reference file");
  constexpr size_t kDigestBytes = 32;
  if (bytes.size() < kMagic.size() + kDigestBytes || bytes.substr(0, kMagic.size()) != kMagic) return damaged;
  std::string_view body = bytes.substr(0, bytes.size() - kDigestBytes);
  if (Sha256(body).Raw() != bytes.substr(body.size())) return damaged;
  body.remove_prefix(kMagic.size());
  uint64_t length = 0, count = 0;
  if (!TakeNumber(&body, &length) || !TakeNumber(&body, &count)) return damaged;
  Reference reference;
  reference.reduction_length = std::bit_cast<double>(length);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t role = 0, size = 0;
    if (!TakeNumber(&body, &role) || !TakeNumber(&body, &size) || size > body.size() || role > 2) return damaged;
    reference.roles.push_back(static_cast<ArgRole>(role));
    reference.contents.emplace_back(body.substr(0, size));
    body.remove_prefix(size);
  }
  return reference;
}

std::unique_ptr<ReferenceProvider> MakeCachingReferenceProvider(std::shared_ptr<ReferenceProvider> source,
                                                                std::string folder, uint64_t memory_bytes) {
  return std::make_unique<CachingProvider>(std::move(source), std::move(folder), memory_bytes);
}

}  // namespace hone::runner
