#include "server/cost_model/feature/workload_embedding.h"

#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "common/ir/visitor.h"

namespace hone {
namespace {

// Name part and the column that it stands for, in the order in which they are tried.
constexpr std::pair<std::string_view, int> kClasses[] = {{"softmax", 0},
                                                         {"max", 1},
                                                         {"min", 1},
                                                         {"add", 2},
                                                         {"batch_matmul", 3},
                                                         {"matmul", 4},
                                                         {"depthwiseconv2d", 5},
                                                         {"conv2d_winograd", 6},
                                                         {"conv2d", 7}};

class BlockNames final : public ir::StmtExprVisitor {
 public:
  std::array<float, 8> columns{};

 private:
  using ir::StmtExprVisitor::Visit;
  void Visit(const ir::BlockNode* node) override {
    std::string name(node->name);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const auto& [part, column] : kClasses) {
      if (name.find(part) == std::string::npos) continue;
      columns[column] = 1;
      break;
    }
    ir::StmtExprVisitor::Visit(node);
  }
};

}  // namespace

std::array<float, 8> WorkloadEmbedding(const ir::IRModule& workload) {
  BlockNames names;
  for (const ir::ModuleEntry& entry : workload->functions) {
    const auto* func = ir::As<ir::PrimFuncNode>(entry.function);
    if (func != nullptr) names.VisitStmt(func->body);
  }
  return names.columns;
}

}  // namespace hone
