// The Python-like form of traces.
#pragma once

#include <string>
#include <vector>

#include "common/schedule/trace.h"

namespace hone::schedule {

// One statement an instruction: `l1, l2 = sch.get_loops(block=b0)`.
std::vector<std::string> TraceAsPython(const Trace& trace, bool remove_postproc);

// Helpers of a row's own python function.
class PythonWriter {
 public:
  PythonWriter() = default;
  explicit PythonWriter(ir::Array<Value> inputs) : inputs_(inputs) {}
  ir::Array<Value> inputs() const { return inputs_; }
  // An attribute: strings in double quotes, numbers, lists.
  std::string Attr(const Value& value) const;
  std::string Bool(const Value& value) const { return value.integer() != 0 ? "True" : "False"; }
  // ("read", 0)
  std::string BufferPosition(const Value& index, const Value& side) const;
  // lambda i, j: (i, j,)
  std::string IndexMap(const ir::IndexMapNode* map) const;

 private:
  ir::Array<Value> inputs_;
};

}  // namespace hone::schedule
