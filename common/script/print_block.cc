// Blocks.
#include "common/ir/structural_equal.h"
#include "common/script/quote.h"
#include "common/script/script_printer.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

std::string_view AxisName(ir::IterType type) {
  switch (type) {
    case ir::IterType::kSpatial:
      return "axis.spatial(";
    case ir::IterType::kReduce:
      return "axis.reduce(";
    case ir::IterType::kScan:
      return "axis.scan(";
    default:
      return "axis.opaque(";
  }
}

}  // namespace

void ScriptPrinter::BlockIters(const ir::BlockNode* block, const ir::BlockRealizeNode* realize, Frame* frame) {
  absl::flat_hash_map<const ir::VarNode*, const ir::ForNode*> loops;
  if (realize != nullptr && options_.syntax_sugar && !block->iter_vars.empty()) {
    for (const Frame* open : frames_) {
      if (!open->is_loop) continue;
      const ir::Stmt first(static_cast<const ir::StmtNode*>(open->node));
      for (const auto* loop = first.as<ir::ForNode>(); loop != nullptr; loop = loop->body.as<ir::ForNode>()) {
        loops.try_emplace(loop->loop_var.get(), loop);
      }
    }
  }
  auto remaps = [&](size_t i) {
    const ir::IterVar iter = block->iter_vars[i];
    if (iter->iter_type != ir::IterType::kSpatial && iter->iter_type != ir::IterType::kReduce) return false;
    if (loops.empty()) return false;
    const auto* var = realize->iter_values[i].as<ir::VarNode>();
    auto it = var != nullptr ? loops.find(var) : loops.end();
    return it != loops.end() && ir::DeepEqual(it->second->min, iter->dom.min) &&
           ir::DeepEqual(it->second->extent, iter->dom.extent);
  };
  auto single = [&](size_t i) {
    const ir::IterVar iter = block->iter_vars[i];
    std::string out = Tir(AxisName(iter->iter_type));
    if (ir::IsZero(iter->dom.min)) {
      Emit(iter->dom.extent, &out);
    } else {
      out += '(';
      Emit(iter->dom.min, &out);
      out += ", ";
      Emit(Sum(iter->dom.min, iter->dom.extent), &out);
      out += ')';
    }
    if (realize != nullptr) {
      out += ", ";
      Emit(realize->iter_values[i], &out);
    }
    out += ')';
    const std::string name = DefineVar(iter->var, frame);
    frame->lines.push_back(LineDoc::Line(name + " = " + out));
  };
  const size_t n = block->iter_vars.size();
  for (size_t i = 0; i < n;) {
    size_t end = i;
    while (end < n && remaps(end)) ++end;
    if (end - i < 2) {
      single(i++);
      continue;
    }
    std::string names, kinds, vars;
    for (; i < end; ++i) {
      const ir::IterVar iter = block->iter_vars[i];
      StrAppend(&names, names.empty() ? "" : ", ", DefineVar(iter->var, frame));
      StrAppend(&vars, vars.empty() ? "" : ", ", ToText(realize->iter_values[i]));
      kinds += iter->iter_type == ir::IterType::kSpatial ? 'S' : 'R';
    }
    frame->lines.push_back(LineDoc::Line(names + " = " + Tir("axis.remap(\"") + kinds + "\", [" + vars + "])"));
  }
}

void ScriptPrinter::Block(const ir::BlockNode* block, const ir::BlockRealizeNode* realize, Frame* outer) {
  Frame frame(this, block);
  auto line = [&](std::string text) { frame.lines.push_back(LineDoc::Line(std::move(text))); };
  BlockIters(block, realize, &frame);
  if (realize != nullptr && !ir::IsOne(realize->predicate)) line(Tir("where(") + ToText(realize->predicate) + ")");
  auto regions = [&](std::string_view name, ir::Array<ir::BufferRegion> list) {
    std::string out = Tir(name);
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) out += ", ";
      EmitRegion(list[i], &out);
    }
    out += ')';
    line(std::move(out));
  };
  regions("reads(", block->reads);
  regions("writes(", block->writes);
  if (!block->annotations.empty()) {
    std::string out = Tir("block_attr(");
    EmitAttrs(block->annotations, &out);
    line(out + ")");
  }
  for (const ir::Buffer buffer : block->alloc_buffers) {
    const std::string name = DefineBuffer(buffer, &frame);
    std::string decl = BufferDecl(buffer, "alloc_buffer", "", &frame, DefinedBy::kDataPointer);
    line(name + " = " + decl);
  }
  for (const ir::MatchBufferRegion match : block->match_buffers) {
    const std::string name = DefineBuffer(match->buffer, &frame);
    std::string source;
    EmitRegion(match->source, &source);
    std::string decl = BufferDecl(match->buffer, "match_buffer", source, &frame, DefinedBy::kMatch);
    line(name + " = " + decl);
  }
  if (block->init) {
    Frame inner(this, block->init.get());
    Body(block->init, &inner);
    frame.lines.push_back(LineDoc::Block("with " + Tir("init():"), std::move(inner.lines)));
  }
  Body(block->body, &frame);
  std::string head = "with " + Tir("block(");
  EmitString(block->name, &head);
  head += realize != nullptr ? "):" : ", no_realize=True):";
  if (!notes_.empty()) head += Note(block);
  outer->lines.push_back(LineDoc::Block(std::move(head), std::move(frame.lines)));
}

}  // namespace hone::script
