// InjectSoftwarePipeline: a loop with software_pipeline_stage and software_pipeline_order runs the stages of its
// iterations overlapped: stage s of iteration i runs together with stage 0 of iteration i + s. A prologue starts the
// first iterations, an epilogue ends the last ones. Buffers that are written in an earlier stage than they are read are
// kept in several versions. Stages listed in software_pipeline_async_stages copy asynchronously: their statements are
// committed in groups, and who reads what they write waits first.
#include <algorithm>
#include <map>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/arith/access_region.h"
#include "common/arith/analyzer.h"
#include "common/arith/int_set.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/structural_equal.h"
#include "common/ir/visitor.h"
#include "common/lower/attr_value.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"
#include "common/lower/versioned_buffer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr std::string_view kStage = "software_pipeline_stage";
constexpr std::string_view kOrder = "software_pipeline_order";
constexpr std::string_view kAsyncStages = "software_pipeline_async_stages";

using BuffersByData = absl::flat_hash_map<const ir::VarNode*, ir::Buffer>;

// One statement of the pipelined loop.
struct Child {
  const ir::BlockNode* block;  // Opaque, with inferred regions.
  int64_t stage;
  int64_t order;
  bool async;
};

// Opens the blocks that only hold allocations, whose regions nobody filled in.
class HolderOpener final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override {
    const ir::BlockNode* block = node->block;
    const bool holder = block->iter_vars.empty() && block->name.empty() && block->reads.empty() &&
                        block->writes.empty() && !block->init;
    return holder ? MutateStmt(block->body) : ir::Stmt(node);
  }
};

const ir::BlockNode* OpaqueBlock(ir::Stmt body, const BuffersByData& buffers) {
  const ir::BlockNode* bare = ir::MakeBlock({}, {}, {}, "", HolderOpener().MutateStmt(body));
  const arith::BlockReadWrite access = arith::GetBlockReadWriteRegion(bare, [&](ir::Var data) {
    auto it = buffers.find(data.get());
    return it != buffers.end() ? it->second : ir::Buffer();
  });
  auto* block = ir::CopyNode(bare);
  block->body = body;
  block->reads = ir::MakeArray(access.reads);
  block->writes = ir::MakeArray(access.writes);
  return block;
}

bool Lists(ir::Array<ir::BufferRegion> regions, ir::Buffer buffer) {
  return std::any_of(regions.begin(), regions.end(), [&](ir::BufferRegion r) { return r->buffer == buffer; });
}

bool MayOverlap(ir::BufferRegion a, ir::BufferRegion b) {
  arith::Analyzer analyzer;
  for (size_t d = 0; d < a->region.size(); ++d) {
    const arith::IntSet both =
        arith::Intersect(arith::IntSet::FromRange(a->region[d]), arith::IntSet::FromRange(b->region[d]), analyzer);
    if (both.IsNothing()) return false;
    if (both.IsBounded() && analyzer.CanProve(ir::LT(both.max(), both.min()))) return false;
  }
  return true;
}

// What a stage of asynchronous copies is up to, over all parts of the pipeline.
struct AsyncState {
  absl::flat_hash_set<const ir::BufferNode*> writes;
  // The iteration whose copies were committed last; null when that is not known.
  ir::Expr head;
};

// The same in one part.
struct AsyncPart {
  ir::Expr head;       // The iteration that this part commits.
  ir::Expr predicate;  // Under which it does.
  std::vector<std::vector<size_t>> groups;
  absl::flat_hash_set<const ir::BufferNode*> seen;
  bool consumed = false;
  int wait_before = -1;
  ir::Expr wait_count;
};

// A statement as it is in one part.
struct PartChild {
  int64_t stage;
  ir::Expr predicate;
  const ir::BlockNode* block;
  ir::Expr iteration;
  bool async;
};

class Pipeline {
 public:
  Pipeline(const ir::ForNode* loop, std::vector<Child> children, ir::Array<ir::Buffer> allocations,
           const absl::flat_hash_set<const ir::BufferNode*>& double_buffers, BuffersByData& buffers)
      : loop_(loop), children_(std::move(children)), buffers_(buffers) {
    for (const Child& child : children_) {
      max_stage_ = std::max(max_stage_, child.stage);
      if (!child.async) continue;
      AsyncState& state = async_[child.stage];
      state.head = ir::IntImm(loop->loop_var.dtype(), -1);
    }
    for (ir::Buffer buffer : allocations) {
      const int64_t versions = Versions(buffer, double_buffers.contains(buffer.get()));
      ir::Buffer now = buffer;
      if (versions > 1) {
        now = WithVersions(buffer, versions);
        versions_[buffer.get()] = {now, versions};
        buffers_[buffer->data.get()] = now;
      }
      allocations_.push_back(now);
    }
  }

  ir::Stmt Build() {
    std::stable_sort(children_.begin(), children_.end(),
                     [](const Child& a, const Child& b) { return a.order < b.order; });
    const ir::Expr begin = loop_->min;
    const ir::Expr end = analyzer_.Simplify(ir::Add(loop_->min, loop_->extent));
    const ir::Expr filled = analyzer_.Simplify(ir::Add(begin, ir::IntImm(begin.dtype(), max_stage_)));
    const ir::Stmt prologue = Part(begin, filled, true);
    ir::Stmt body = ir::MakeNop();
    ir::Stmt epilogue = ir::MakeNop();
    // A loop that is shorter than the pipeline never fills it.
    const bool fills = !analyzer_.CanProve(ir::LE(end, filled));
    const ir::Expr drain = fills ? end : analyzer_.Simplify(ir::Max(end, filled));
    const ir::Expr done = analyzer_.Simplify(ir::Add(end, ir::IntImm(end.dtype(), max_stage_)));
    if (fills && OnlyCopiesAhead()) {
      // The last tiles are used in the loop, too, where the copies are skipped: their code would be that of the loop
      // once more a stage.
      body = Part(filled, done, false);
    } else {
      if (fills) body = Part(filled, end, false);
      epilogue = Part(drain, done, true);
    }
    auto* block = ir::CopyNode(OpaqueBlock(ir::MakeSeq({prologue, body, epilogue}), buffers_));
    block->alloc_buffers = ir::MakeArray(allocations_);
    return ir::MakeBlockRealize({}, ir::BoolImm(true), block);
  }

 private:
  struct VersionCount {
    ir::Buffer buffer;
    int64_t versions;
  };

  // Asynchronous copies in the first stage, everything else in the last.
  bool OnlyCopiesAhead() const {
    return max_stage_ > 0 && std::all_of(children_.begin(), children_.end(), [&](const Child& child) {
             return child.async ? child.stage == 0 : child.stage == max_stage_;
           });
  }

  // From the earliest stage that writes to the latest that reads.
  int64_t Versions(ir::Buffer buffer, bool double_buffer) const {
    int64_t def = -1, use = -1;
    for (const Child& child : children_) {
      if (Lists(child.block->writes, buffer)) def = def < 0 ? child.stage : std::min(def, child.stage);
      if (Lists(child.block->reads, buffer)) use = std::max(use, child.stage);
    }
    if (def < 0) return 1;
    int64_t versions = std::max<int64_t>(1, use - def + 1);
    if (versions == 2 && !OverwrittenWhileRead(buffer)) versions = 1;
    return versions == 1 && double_buffer ? 2 : versions;
  }

  // A writer comes, in order, before a reader of a later stage.
  bool OverwrittenWhileRead(ir::Buffer buffer) const {
    for (const Child& writer : children_) {
      for (ir::BufferRegion write : writer.block->writes) {
        if (!(write->buffer == buffer)) continue;
        for (const Child& reader : children_) {
          if (writer.order >= reader.order || writer.stage >= reader.stage) continue;
          for (ir::BufferRegion read : reader.block->reads) {
            if (read->buffer == buffer && MayOverlap(write, read)) return true;
          }
        }
      }
    }
    return false;
  }

  // The iterations [start, end) of the skewed loop.
  ir::Stmt Part(ir::Expr start, ir::Expr end, bool unrolled) {
    const ir::Expr extent = analyzer_.Simplify(ir::Sub(end, start));
    if (analyzer_.CanProve(ir::LE(extent, ir::IntImm(extent.dtype(), 0)))) return ir::MakeNop();
    const bool once = analyzer_.CanProveEqual(extent, ir::IntImm(extent.dtype(), 1));
    const ir::DataType dtype = loop_->loop_var.dtype();
    const ir::Var var = ir::CopyVar(loop_->loop_var);
    // The emitted loop runs from the loop's own minimum.
    const ir::Expr delta = analyzer_.Simplify(ir::Sub(start, loop_->min));
    arith::Analyzer skewed;   // Knows the skewed variable ...
    arith::Analyzer emitted;  // ... and that of the emitted loop.
    skewed.Bind(var, ir::Range{start, extent});
    emitted.Bind(var, ir::Range{loop_->min, extent});
    std::vector<PartChild> parts;
    std::map<int64_t, AsyncPart> async;
    std::map<const ir::BufferNode*, size_t> group_of;
    for (const Child& child : children_) {
      const ir::Expr now = once ? start : ir::Expr(var);
      const ir::Expr iteration = ir::Sub(now, ir::IntImm(dtype, child.stage));
      ir::Expr inside = skewed.Simplify(
          ir::And(ir::LE(loop_->min, iteration), ir::LT(iteration, ir::Add(loop_->min, loop_->extent))));
      if (ir::IsFalse(inside) || skewed.CanProve(ir::Not(inside))) continue;
      const ir::Expr normal = once ? analyzer_.Simplify(iteration) : emitted.Simplify(ir::Add(iteration, delta));
      if (!once) inside = emitted.Simplify(ir::Substitute(inside, {{var.get(), ir::Add(var, delta)}}));
      const ir::BlockNode* block = Versioned(child.block);
      ir::Stmt body = ir::Substitute(ir::Stmt(block), {{loop_->loop_var.get(), normal}});
      block = body.as<ir::BlockNode>();
      if (child.async) {
        AsyncPart& local = async[child.stage];
        if (local.groups.empty() || local.consumed) {
          local.groups.push_back({parts.size()});
          local.consumed = false;
        } else {
          local.groups.back().push_back(parts.size());
        }
        for (ir::BufferRegion write : block->writes) {
          async_[child.stage].writes.insert(write->buffer.get());
          group_of[write->buffer.get()] = local.groups.size() - 1;
        }
        local.head = normal;
        if (!local.predicate || emitted.CanProve(local.predicate)) {
          local.predicate = inside;
        } else {
          local.predicate = emitted.Simplify(ir::And(local.predicate, inside));
        }
        auto* copy = ir::CopyNode(block);
        copy->body = ir::MakeAttrStmt(ir::Int32(0).get(), "async_scope", ir::Int32(1), block->body);
        block = copy;
      }
      parts.push_back({child.stage, inside, block, normal, child.async});
      for (ir::BufferRegion read : block->reads) {
        for (const auto& [stage, state] : async_) {
          if (stage <= child.stage && state.writes.contains(read->buffer.get())) async[stage].consumed = true;
        }
      }
    }
    CountWaits(parts, async, group_of, emitted);
    const std::vector<ir::Stmt> stmts = Assemble(parts, async, emitted);
    for (auto& [stage, local] : async) {
      AsyncState& state = async_[stage];
      const bool certain = local.predicate && emitted.CanProve(local.predicate);
      state.head = certain && state.head ? analyzer_.Simplify(ir::Add(state.head, extent)) : ir::Expr();
    }
    if (stmts.empty()) return ir::MakeNop();
    ir::Stmt out = ir::MakeSeq(stmts);
    if (!once) {
      ir::Attrs annotations = loop_->annotations;
      for (std::string_view key : {kStage, kOrder, kAsyncStages}) annotations = annotations.Without(key);
      out = ir::MakeFor(var, loop_->min, extent, unrolled ? ir::ForKind::kUnrolled : loop_->for_kind, out, nullptr,
                        annotations);
    }
    // Each part has its own copies of everything that the statements define.
    return ir::MakeBlockRealize({}, ir::BoolImm(true), OpaqueBlock(RenewDefinitions(out), buffers_));
  }

  // With the accesses of versioned buffers going to the version of their iteration, the original variable.
  const ir::BlockNode* Versioned(const ir::BlockNode* block) const {
    if (versions_.empty()) return block;
    absl::flat_hash_map<const ir::BufferNode*, VersionedAccess::Entry> entries;
    for (const auto& [buffer, count] : versions_) {
      const ir::DataType dtype = loop_->loop_var.dtype();
      entries[buffer] = {count.buffer,
                         ir::FloorMod(ir::Sub(loop_->loop_var, loop_->min), ir::IntImm(dtype, count.versions))};
    }
    return VersionedAccess(entries).MutateStmt(ir::Stmt(block)).as<ir::BlockNode>();
  }

  void CountWaits(const std::vector<PartChild>& parts, std::map<int64_t, AsyncPart>& async,
                  const std::map<const ir::BufferNode*, size_t>& group_of, arith::Analyzer& analyzer) {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].async) {
        for (ir::BufferRegion write : parts[i].block->writes) async[parts[i].stage].seen.insert(write->buffer.get());
      }
      int64_t producer = -1;
      for (ir::BufferRegion read : parts[i].block->reads) {
        for (const auto& [stage, state] : async_) {
          if (stage > parts[i].stage || !state.writes.contains(read->buffer.get())) continue;
          if (producer >= 0 && producer != stage && status.ok()) {
            status =
                absl::InvalidArgumentError("a statement of a software pipeline depends on two asynchronous stages");
          }
          producer = stage;
        }
      }
      if (producer < 0) continue;
      AsyncPart& local = async[producer];
      std::vector<ir::Expr> heads;
      if (local.groups.empty()) {
        heads.push_back(async_.at(producer).head);
      } else {
        std::vector<bool> counted(local.groups.size());
        for (ir::BufferRegion read : parts[i].block->reads) {
          if (!async_.at(producer).writes.contains(read->buffer.get())) continue;
          auto group = group_of.find(read->buffer.get());
          if (group == group_of.end() || counted[group->second]) continue;
          counted[group->second] = true;
          // Committed behind this statement: the copies of the iteration before are the last that are under way.
          const bool seen = local.seen.contains(read->buffer.get());
          heads.push_back(seen ? local.head : ir::Sub(local.head, ir::IntImm(local.head.dtype(), 1)));
        }
      }
      ir::Expr count = ir::Int32(0);
      for (ir::Expr head : heads) {
        if (!head || !analyzer.CanProve(ir::GE(head, ir::IntImm(head.dtype(), 0)))) {
          count = ir::Int32(0);
          break;
        }
        count = ir::Add(count, ir::Cast(ir::kInt32, analyzer.Simplify(ir::Sub(head, parts[i].iteration))));
      }
      count = analyzer.Simplify(count);
      if (local.wait_before < 0) {
        local.wait_before = static_cast<int>(i);
        local.wait_count = count;
      } else if (analyzer.CanProve(ir::LT(count, local.wait_count))) {
        local.wait_count = count;
      }
    }
  }

  static const ir::BlockNode* WithBody(const ir::BlockNode* block, ir::Stmt body) {
    auto* copy = ir::CopyNode(block);
    copy->body = body;
    return copy;
  }

  std::vector<ir::Stmt> Assemble(std::vector<PartChild>& parts, const std::map<int64_t, AsyncPart>& async,
                                 arith::Analyzer& analyzer) {
    std::vector<int64_t> committed(parts.size(), -1);
    std::vector<size_t> group(parts.size(), 0);
    size_t groups = 0;
    const ir::Object* zero = ir::Int32(0).get();
    for (const auto& [stage, local] : async) {
      for (const auto& members : local.groups) {
        for (size_t member : members) {
          committed[member] = stage;
          group[member] = groups;
        }
        ++groups;
      }
      if (local.wait_before < 0) continue;
      ir::Expr count = local.wait_count;
      if (local.predicate && !analyzer.CanProve(local.predicate) && !ir::IsZero(count)) {
        count = ir::MakeCall(ir::kInt32, ir::Builtin::if_then_else, {local.predicate, count, ir::Int32(0)});
      }
      PartChild& waiting = parts[local.wait_before];
      waiting.block =
          WithBody(waiting.block,
                   ir::MakeAttrStmt(zero, "async_wait_queue_scope", ir::Int32(stage),
                                    ir::MakeAttrStmt(zero, "async_wait_inflight_count", count, waiting.block->body)));
    }
    std::vector<ir::Stmt> out;
    for (size_t i = 0; i < parts.size();) {
      if (committed[i] < 0) {
        out.push_back(ir::MakeBlockRealize({}, parts[i].predicate, parts[i].block));
        ++i;
        continue;
      }
      std::vector<ir::Stmt> bodies;
      const size_t first = i;
      for (; i < parts.size() && committed[i] == committed[first] && group[i] == group[first]; ++i) {
        if (!ir::StructuralEqual(parts[i].predicate, parts[first].predicate) && status.ok()) {
          status = absl::InvalidArgumentError("asynchronous statements of one stage run under different conditions");
        }
        bodies.push_back(parts[i].block->body);
      }
      const ir::Stmt commit =
          ir::MakeAttrStmt(zero, "async_commit_queue_scope", ir::Int32(committed[first]), ir::MakeSeq(bodies));
      out.push_back(ir::MakeBlockRealize({}, parts[first].predicate, OpaqueBlock(commit, buffers_)));
    }
    return out;
  }

 public:
  absl::Status status;

 private:
  const ir::ForNode* loop_;
  std::vector<Child> children_;
  BuffersByData& buffers_;
  int64_t max_stage_ = 0;
  std::vector<ir::Buffer> allocations_;
  absl::flat_hash_map<const ir::BufferNode*, VersionCount> versions_;
  std::map<int64_t, AsyncState> async_;
  arith::Analyzer analyzer_;
};

class Injector final : public ir::StmtExprMutator {
 public:
  explicit Injector(ir::PrimFunc func) {
    for (const ir::BufferBinding& binding : func->buffer_map) buffers_[binding.buffer->data.get()] = binding.buffer;
  }
  absl::Status status;

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::BlockNode* node) override {
    for (ir::Buffer buffer : node->alloc_buffers) buffers_[buffer->data.get()] = buffer;
    if (const ir::Object* value = node->annotations.Get("double_buffer_scope")) {
      const auto index = AttrInt(value);
      if (index && *index >= 0 && *index < static_cast<int64_t>(node->writes.size())) {
        double_buffers_.insert(node->writes[*index]->buffer.get());
      }
    }
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    if (!node->annotations.Has("double_buffer_scope")) return visited;
    auto* copy = ir::CopyNode(visited.as<ir::BlockNode>());
    copy->annotations = copy->annotations.Without("double_buffer_scope");
    return copy;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    const bool stage = loop->annotations.Has(kStage);
    const bool order = loop->annotations.Has(kOrder);
    if (!stage && !order) return visited;
    absl::StatusOr<ir::Stmt> out = Inject(loop);
    if (!out.ok()) {
      if (status.ok()) status = out.status();
      return visited;
    }
    return *out;
  }

  absl::StatusOr<ir::Stmt> Inject(const ir::ForNode* loop) {
    const auto refuse = [&](std::string_view why) {
      return absl::InvalidArgumentError(StrCat("loop \"", loop->loop_var.name(), "\" cannot be pipelined: ", why));
    };
    const auto stages = AttrInts(loop->annotations.Get(kStage));
    const auto orders = AttrInts(loop->annotations.Get(kOrder));
    if (!stages || !orders) return refuse("it needs both software_pipeline_stage and software_pipeline_order");
    ir::Stmt body = loop->body;
    std::vector<ir::Buffer> allocations;
    if (const auto* realize = body.as<ir::BlockRealizeNode>()) {
      allocations = realize->block->alloc_buffers.ToVector();
      body = realize->block->body;
    }
    const auto* seq = body.as<ir::SeqNode>();
    if (seq == nullptr) return refuse("its body is no sequence");
    std::vector<ir::Stmt> statements;
    for (ir::Stmt child : seq->seq) {
      const auto* realize = child.as<ir::BlockRealizeNode>();
      const auto* inner = realize != nullptr ? realize->block->body.as<ir::SeqNode>() : nullptr;
      if (inner == nullptr || !ir::IsTrue(realize->predicate)) {
        statements.push_back(child);
        continue;
      }
      for (ir::Buffer buffer : realize->block->alloc_buffers) allocations.push_back(buffer);
      statements.insert(statements.end(), inner->seq.begin(), inner->seq.end());
    }
    if (stages->size() != statements.size() || orders->size() != statements.size()) {
      return refuse(StrCat("it has ", statements.size(), " statements, but ", stages->size(), " stages and ",
                           orders->size(), " orders"));
    }
    const std::vector<int64_t> async = AttrInts(loop->annotations.Get(kAsyncStages)).value_or(std::vector<int64_t>());
    std::vector<Child> children;
    for (size_t i = 0; i < statements.size(); ++i) {
      const bool is_async = std::find(async.begin(), async.end(), (*stages)[i]) != async.end();
      children.push_back({OpaqueBlock(statements[i], buffers_), (*stages)[i], (*orders)[i], is_async});
    }
    for (size_t i = 0; i < children.size(); ++i) {
      for (size_t j = i + 1; j < children.size(); ++j) {
        if (children[i].order == children[j].order) return refuse("two statements have the same order");
        if (!Depends(children[i].block, children[j].block)) continue;
        if (children[i].stage > children[j].stage) return refuse("a consumer is in an earlier stage than its producer");
        if (children[i].stage == children[j].stage && children[i].order > children[j].order) {
          return refuse("a consumer comes before its producer of the same stage");
        }
      }
    }
    Pipeline pipeline(loop, std::move(children), ir::MakeArray(allocations), double_buffers_, buffers_);
    const ir::Stmt out = pipeline.Build();
    HONE_RETURN_IF_ERROR(pipeline.status);
    return out;
  }

  static bool Depends(const ir::BlockNode* producer, const ir::BlockNode* consumer) {
    return std::any_of(producer->writes.begin(), producer->writes.end(),
                       [&](ir::BufferRegion write) { return Lists(consumer->reads, write->buffer); });
  }

  BuffersByData buffers_;
  absl::flat_hash_set<const ir::BufferNode*> double_buffers_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> InjectSoftwarePipeline(ir::PrimFunc func, const PassContext&) {
  Injector injector(func);
  const ir::Stmt body = injector.MutateStmt(func->body);
  HONE_RETURN_IF_ERROR(injector.status);
  return WithBody(func, body);
}

}  // namespace hone::lower
