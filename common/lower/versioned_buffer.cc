#include "common/lower/versioned_buffer.h"

#include "common/ir/ops.h"

namespace hone::lower {
namespace {

constexpr int64_t kFragmentElements = 256;

// Elements from one version to the next.
ir::Expr VersionStride(ir::Buffer buffer) {
  if (!buffer->strides.empty()) return ir::Mul(buffer->shape[0], buffer->strides[0]);
  ir::Expr size = ir::IntImm(buffer->index_dtype(), 1);
  for (ir::Expr extent : buffer->shape) size = ir::Mul(size, extent);
  return size;
}

// Where an argument that is a pointer is followed by its offset; fragments are counted, not elements.
struct OffsetArg {
  size_t at;
  bool fragments;
};
OffsetArg OffsetOf(const ir::CallNode* call, size_t pointer) {
  switch (call->op) {
    case ir::Builtin::tvm_fill_fragment:
    case ir::Builtin::tvm_load_matrix_sync:
    case ir::Builtin::tvm_store_matrix_sync:
      return {pointer + 4, true};
    case ir::Builtin::tvm_mma_sync:
    case ir::Builtin::tvm_bmma_sync:
      return {pointer + 1, true};
    default:
      return {pointer + 1, false};
  }
}

}  // namespace

ir::Buffer WithVersions(ir::Buffer buffer, int64_t versions) {
  auto* copy = ir::CopyNode(buffer.get());
  std::vector<ir::Expr> shape = buffer->shape.ToVector();
  shape.insert(shape.begin(), ir::IntImm(buffer->index_dtype(), versions));
  copy->shape = ir::MakeArray(shape);
  if (!buffer->strides.empty()) {
    std::vector<ir::Expr> strides = buffer->strides.ToVector();
    strides.insert(strides.begin(), VersionStride(buffer));
    copy->strides = ir::MakeArray(strides);
  }
  return copy;
}

VersionedAccess::VersionedAccess(const absl::flat_hash_map<const ir::BufferNode*, Entry>& versions)
    : versions_(versions) {
  for (const auto& [buffer, entry] : versions_) by_data_[buffer->data.get()] = {buffer, &entry};
}

ir::BufferRegion VersionedAccess::Region(ir::BufferRegion region) {
  auto it = versions_.find(region->buffer.get());
  if (it == versions_.end()) return region;
  std::vector<ir::Range> ranges = region->region.ToVector();
  const ir::Expr version = it->second.version;
  ranges.insert(ranges.begin(), ir::Range{version, ir::IntImm(version.dtype(), 1)});
  return ir::MakeBufferRegion(it->second.buffer, ir::MakeArray(ranges));
}

namespace {
ir::Array<ir::Expr> Indexed(ir::Expr version, ir::Array<ir::Expr> indices) {
  std::vector<ir::Expr> out = indices.ToVector();
  out.insert(out.begin(), version);
  return ir::MakeArray(out);
}
}  // namespace

ir::Expr VersionedAccess::Mutate(const ir::BufferLoadNode* node) {
  const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
  auto it = versions_.find(node->buffer);
  if (it == versions_.end()) return visited;
  const auto* load = visited.as<ir::BufferLoadNode>();
  return ir::MakeBufferLoad(it->second.buffer, Indexed(it->second.version, load->indices), load->predicate);
}

ir::Stmt VersionedAccess::Mutate(const ir::BufferStoreNode* node) {
  const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
  auto it = versions_.find(node->buffer.get());
  if (it == versions_.end()) return visited;
  const auto* store = visited.as<ir::BufferStoreNode>();
  return ir::MakeBufferStore(it->second.buffer, store->value, Indexed(it->second.version, store->indices),
                             store->predicate);
}

ir::Expr VersionedAccess::Mutate(const ir::CallNode* node) {
  const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
  const auto* call = visited.as<ir::CallNode>();
  if (call->function != nullptr) return visited;
  std::vector<ir::Expr> args = call->args.ToVector();
  bool changed = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const auto* data = args[i].as<ir::VarNode>();
    auto it = data != nullptr ? by_data_.find(data) : by_data_.end();
    if (it == by_data_.end()) continue;
    const auto [at, fragments] = OffsetOf(call, i);
    if (at >= args.size() || !args[at].dtype().is_index()) continue;
    ir::Expr stride = VersionStride(ir::Buffer(it->second.first));
    if (fragments) stride = ir::FloorDiv(stride, kFragmentElements);
    const ir::DataType dtype = args[at].dtype();
    args[at] = ir::Add(args[at], ir::Mul(ir::Cast(dtype, it->second.second->version), ir::Cast(dtype, stride)));
    changed = true;
  }
  return changed ? ir::MakeCall(call->dtype, call->op, ir::MakeArray(args)) : visited;
}

ir::Stmt VersionedAccess::Mutate(const ir::BlockNode* node) {
  const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
  auto* copy = ir::CopyNode(visited.as<ir::BlockNode>());
  const auto regions = [&](ir::Array<ir::BufferRegion> array) {
    return ir::MapArray(array, [&](ir::BufferRegion region) { return Region(region); });
  };
  copy->reads = regions(copy->reads);
  copy->writes = regions(copy->writes);
  return ir::Stmt(copy);
}

}  // namespace hone::lower
