// Buffers that exist in several versions at once: the index of the version becomes the first dimension, also where a
// call names the buffer by its pointer.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "common/ir/mutator.h"

namespace hone::lower {

// Rewrites every access of the buffers of `versions` so that it goes to the given version.
class VersionedAccess final : public ir::StmtExprMutator {
 public:
  struct Entry {
    ir::Buffer buffer;  // With the versions as its first dimension.
    ir::Expr version;   // Which one an access here means.
  };
  explicit VersionedAccess(const absl::flat_hash_map<const ir::BufferNode*, Entry>& versions);

  ir::BufferRegion Region(ir::BufferRegion region);

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr Mutate(const ir::BufferLoadNode* node) override;
  ir::Expr Mutate(const ir::CallNode* node) override;
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override;
  ir::Stmt Mutate(const ir::BlockNode* node) override;

  const absl::flat_hash_map<const ir::BufferNode*, Entry>& versions_;
  absl::flat_hash_map<const ir::VarNode*, std::pair<const ir::BufferNode*, const Entry*>> by_data_;
};

// `buffer` with a first dimension of `versions`; strides, if any, are kept.
ir::Buffer WithVersions(ir::Buffer buffer, int64_t versions);

}  // namespace hone::lower
