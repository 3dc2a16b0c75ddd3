// Builds a tensor program stage by stage: each stage is one loop nest around one block that computes one buffer, the
// form that a tensor expression lowers to.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ir/buffer.h"
#include "common/ir/module.h"
#include "common/ir/ops.h"

namespace hone::workload {

// A loop of a stage. The block's iter var is called "v_" + name.
struct Axis {
  std::string name;
  int64_t extent;
};

// The value of one element, from the block's iter vars: spatial ones, then reduction ones, in the order given.
using ElementFn = std::function<ir::Expr(const std::vector<ir::Expr>& vars)>;

enum class Reducer { kSum, kMax };

// Holds an arena that is current for the thread until Finish (or destruction): build expressions only meanwhile.
class FunctionBuilder {
 public:
  FunctionBuilder() : arena_(std::make_shared<ir::Arena>()), scope_(arena_) {}

  // Parameters come first in the function, in the order of these calls.
  ir::Buffer Input(std::string_view name, const std::vector<int64_t>& shape, ir::DataType dtype);

  // buffer[axes] = element(axes). `attrs` become the block's annotations.
  ir::Buffer Compute(std::string_view name, const std::vector<Axis>& axes, const ElementFn& element,
                     ir::Attrs attrs = {});
  // buffer[axes] = reduction of element(axes, reduce_axes) over reduce_axes.
  ir::Buffer Reduce(std::string_view name, Reducer reducer, const std::vector<Axis>& axes,
                    const std::vector<Axis>& reduce_axes, const ElementFn& element, ir::Attrs attrs = {});

  void SetAttr(std::string_view key, const ir::Object* value) { attrs_ = attrs_.With(key, value); }

  // A module with the function `main`; parameters are the inputs, then `outputs`. Every other computed buffer becomes
  // an allocation of the root block. Nothing may be added afterwards.
  ir::IRModule Finish(const std::vector<ir::Buffer>& outputs);

 private:
  ir::Buffer AddStage(std::string_view name, const std::vector<Axis>& axes, const std::vector<Axis>& reduce_axes,
                      const Reducer* reducer, const ElementFn& element, ir::Attrs attrs);

  ir::ArenaRef arena_;
  ir::ArenaScope scope_;
  std::vector<ir::Buffer> inputs_;
  std::vector<ir::Buffer> computed_;
  std::vector<ir::Stmt> stages_;
  ir::Attrs attrs_;
};

// buffer[indices]
inline ir::Expr Load(ir::Buffer buffer, const std::vector<ir::Expr>& indices) {
  return ir::MakeBufferLoad(buffer, ir::MakeArray(indices));
}

}  // namespace hone::workload
