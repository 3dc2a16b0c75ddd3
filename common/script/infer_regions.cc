#include "common/script/infer_regions.h"

#include "absl/container/flat_hash_map.h"
#include "common/arith/access_region.h"
#include "common/ir/visitor.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

// Fills blocks from the inside out, knowing at each block the buffers declared outside of it.
class RegionFiller : public ir::StmtExprVisitor {
 public:
  RegionFiller(const std::vector<MissingRegions>& missing, const Source& source) : source_(source) {
    for (const MissingRegions& item : missing) missing_[item.block] = &item;
  }

  absl::Status Fill(const ir::PrimFuncNode* func) {
    for (const ir::BufferBinding& binding : func->buffer_map) visible_[binding.buffer->data.get()] = binding.buffer;
    VisitStmt(func->body);
    return status_;
  }

 protected:
  using StmtExprVisitor::Visit;

  void Visit(const ir::BlockNode* block) override {
    const bool is_root = !inside_root_;
    inside_root_ = true;
    for (const ir::Buffer buffer : block->alloc_buffers) visible_[buffer->data.get()] = buffer;
    for (const ir::MatchBufferRegion match : block->match_buffers) visible_[match->buffer->data.get()] = match->buffer;
    VisitStmt(block->init);
    VisitStmt(block->body);
    for (const ir::Buffer buffer : block->alloc_buffers) visible_.erase(buffer->data.get());
    for (const ir::MatchBufferRegion match : block->match_buffers) visible_.erase(match->buffer->data.get());
    auto it = missing_.find(block);
    if (it != missing_.end() && !is_root && status_.ok()) FillOne(*it->second);
  }

 private:
  void FillOne(const MissingRegions& item) {
    const arith::BlockAccess access = arith::GetBlockAccessRegion(item.block, [&](ir::Var data) {
      auto it = visible_.find(data.get());
      return it == visible_.end() ? ir::Buffer() : it->second;
    });
    if (!access.opaques.empty()) {
      status_ = source_.Error(item.at, StrCat("buffer \"", access.opaques[0]->buffer->name,
                                              "\" is accessed through its data pointer: the block needs T.reads and "
                                              "T.writes"));
      return;
    }
    // The parser has just built the block and nobody else has seen it.
    auto* block = const_cast<ir::BlockNode*>(item.block);
    if (item.reads) block->reads = ir::MakeArray(access.reads);
    if (item.writes) block->writes = ir::MakeArray(access.writes);
  }

  const Source& source_;
  absl::flat_hash_map<const ir::BlockNode*, const MissingRegions*> missing_;
  absl::flat_hash_map<const ir::VarNode*, ir::Buffer> visible_;
  bool inside_root_ = false;
  absl::Status status_;
};

}  // namespace

absl::Status InferRegions(const ir::PrimFuncNode* func, const std::vector<MissingRegions>& missing,
                          const Source& source) {
  if (missing.empty()) return absl::OkStatus();
  return RegionFiller(missing, source).Fill(func);
}

}  // namespace hone::script
