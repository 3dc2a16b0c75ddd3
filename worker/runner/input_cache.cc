#include "worker/runner/input_cache.h"

#include "absl/strings/str_join.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/runner/input_set.h"

namespace hone::runner {
namespace {

std::string SignatureOf(const std::vector<TensorInfo>& args) {
  std::string text;
  for (const TensorInfo& arg : args) StrAppend(&text, arg.dtype, "[", absl::StrJoin(arg.shape, ","), "]");
  return text;
}

absl::StatusOr<std::shared_ptr<SharedFile>> Generate(const std::vector<TensorInfo>& args, uint64_t seed) {
  HONE_ASSIGN_OR_RETURN(const BufferLayout layout, LayOutBuffers(args));
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<SharedFile> file, SharedFile::Create(layout.bytes));
  for (size_t i = 0; i < args.size(); ++i) {
    HONE_RETURN_IF_ERROR(FillTensor(args[i], seed, i, file->data() + layout.args[i].offset));
  }
  HONE_RETURN_IF_ERROR(file->Seal());
  return file;
}

}  // namespace

absl::StatusOr<BufferLayout> LayOutBuffers(const std::vector<TensorInfo>& args) {
  BufferLayout layout;
  for (const TensorInfo& arg : args) {
    HONE_ASSIGN_OR_RETURN(const uint64_t bytes, BytesOfTensor(arg));
    layout.args.push_back({layout.bytes, bytes, 0});
    layout.bytes += (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  }
  layout.bytes += kPageBytes;
  return layout;
}

absl::StatusOr<std::shared_ptr<SharedFile>> InputCache::Get(const std::vector<TensorInfo>& args, uint64_t seed) {
  const Key key = {SignatureOf(args), seed};
  for (auto it = recent_.begin(); it != recent_.end(); ++it) {
    if (it->first != key) continue;
    recent_.splice(recent_.begin(), recent_, it);
    return recent_.front().second;
  }
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<SharedFile> file, Generate(args, seed));
  recent_.emplace_front(key, file);
  uint64_t used = 0;
  for (auto it = recent_.begin(); it != recent_.end();) {
    used += it->second->bytes();
    it = used > max_bytes_ && it != recent_.begin() ? recent_.erase(it) : std::next(it);
  }
  return file;
}

}  // namespace hone::runner
