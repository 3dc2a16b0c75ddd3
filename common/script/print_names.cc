// Names: unique among what is visible, released with their frame.
#include "common/script/script_printer.h"
#include "common/support/strings.h"

namespace hone::script {

ScriptPrinter::Frame::Frame(ScriptPrinter* printer, const void* node, bool is_tir)
    : printer(printer), node(node), is_tir(is_tir) {
  printer->frames_.push_back(this);
}

ScriptPrinter::Frame::~Frame() {
  for (const void* object : defined) printer->Forget(object);
  printer->frames_.pop_back();
}

std::string ScriptPrinter::UniqueName(std::string_view hint) {
  std::string base(hint);
  for (char& c : base) {
    const bool legal = c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!legal) c = '_';
  }
  std::string name = base;
  for (int i = 1; names_.contains(name); ++i) name = StrCat(base, "_", i);
  return name;
}

std::string ScriptPrinter::Define(const void* object, std::string_view hint, Frame* frame) {
  if (auto it = texts_.find(object); it != texts_.end()) return it->second;
  std::string name = UniqueName(hint);
  names_.insert(name);
  texts_.emplace(object, name);
  names_of_.emplace(object, name);
  frame->defined.push_back(object);
  return name;
}

void ScriptPrinter::DefineAs(const void* object, std::string text, Frame* frame) {
  if (texts_.try_emplace(object, std::move(text)).second) frame->defined.push_back(object);
}

void ScriptPrinter::Forget(const void* object) {
  texts_.erase(object);
  if (auto it = names_of_.find(object); it != names_of_.end()) {
    names_.erase(it->second);
    names_of_.erase(it);
  }
}

ScriptPrinter::Frame* ScriptPrinter::FrameFor(const void* object) {
  if (func_ == nullptr) return nullptr;
  if (scopes_ == nullptr) scopes_ = std::make_unique<VarScopes>(func_);
  const std::vector<const void*>* chain = scopes_->Find(object);
  if (chain == nullptr) return nullptr;
  for (size_t i = chain->size(); i-- > 0;) {
    for (size_t j = frames_.size(); j-- > 0;) {
      if (frames_[j]->is_tir && frames_[j]->node == (*chain)[i]) return frames_[j];
    }
  }
  return nullptr;
}

bool ScriptPrinter::EnclosesAllUses(const void* node, const void* object) {
  if (func_ == nullptr) return true;
  if (scopes_ == nullptr) scopes_ = std::make_unique<VarScopes>(func_);
  const std::vector<const void*>* chain = scopes_->Find(object);
  if (chain == nullptr) return false;
  for (const void* entry : *chain) {
    if (entry == node) return true;
  }
  return false;
}

std::string ScriptPrinter::VarName(ir::Var var) {
  if (auto it = texts_.find(var.get()); it != texts_.end()) return it->second;
  Frame* frame = FrameFor(var.get());
  if (frame == nullptr) return Define(var.get(), var.name().empty() ? "v" : var.name(), frames_.front());
  const std::string name = DefineVar(var, frame);
  frame->lines.push_back(LineDoc::Line(name + " = " + VarCreation(var)));
  return name;
}

std::string ScriptPrinter::BufferName(ir::Buffer buffer) {
  if (auto it = texts_.find(buffer.get()); it != texts_.end()) return it->second;
  Frame* frame = FrameFor(buffer.get());
  if (frame == nullptr) {
    const std::string name = DefineBuffer(buffer, frames_.front());
    DefineAs(buffer->data.get(), name + ".data", frames_.front());
    return name;
  }
  const std::string name = DefineBuffer(buffer, frame);
  const std::string decl = BufferDecl(buffer, "Buffer", "", frame, DefinedBy::kDataPointer);
  frame->lines.push_back(LineDoc::Line(name + " = " + decl));
  return name;
}

std::string ScriptPrinter::Note(const void* node) const {
  auto it = notes_.find(node);
  return it == notes_.end() ? std::string() : StrCat("  # ", it->second);
}

}  // namespace hone::script
