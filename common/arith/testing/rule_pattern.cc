#include "common/arith/testing/rule_pattern.h"

#include <cctype>
#include <map>
#include <string>
#include <utility>

#include "common/ir/ops.h"

namespace hone::arith::testing {

using ir::Expr;
using ir::ExprKind;

// A name (leaf or function), or an operator with its operands.
struct RulePattern::Node {
  std::string what;  // Operator, function or leaf.
  std::vector<std::shared_ptr<const Node>> operands;
};

namespace {

using Node = RulePattern::Node;
using NodePtr = std::shared_ptr<const Node>;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NodePtr ParseAll() {
    NodePtr out = Binary(0);
    Skip();
    return failed_ || (at_ < text_.size() && text_[at_] != ',') ? nullptr : out;
  }

 private:
  void Skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Take(std::string_view token) {
    Skip();
    if (text_.substr(at_, token.size()) != token) return false;
    const size_t end = at_ + token.size();
    const bool word = std::isalpha(static_cast<unsigned char>(token[0])) != 0;
    if (word && end < text_.size() && std::isalnum(static_cast<unsigned char>(text_[end])) != 0) return false;
    at_ = end;
    return true;
  }
  NodePtr Fail() {
    failed_ = true;
    return std::make_shared<Node>(Node{"?", {}});
  }

  NodePtr Binary(size_t level) {
    // Longer operators first.
    static const std::vector<std::vector<std::string_view>> kLevels = {
        {"or"}, {"and"}, {"=="}, {"+", "-"}, {"//", "*", "/", "%"}};
    if (level == kLevels.size()) return Unary();
    if (level == 2 && Take("not")) return std::make_shared<Node>(Node{"not", {Binary(2)}});
    NodePtr out = Binary(level + 1);
    for (bool more = true; more && !failed_;) {
      more = false;
      static const std::vector<std::string_view> kComparisons = {"==", "!=", "<=", ">=", "<", ">"};
      for (const std::string_view op : level == 2 ? kComparisons : kLevels[level]) {
        if (!Take(op)) continue;
        out = std::make_shared<Node>(Node{std::string(op), {out, Binary(level + 1)}});
        more = true;
        break;
      }
    }
    return out;
  }

  NodePtr Unary() {
    Skip();
    if (Take("-")) return std::make_shared<Node>(Node{"negative", {Unary()}});
    if (Take("(")) {
      NodePtr out = Binary(0);
      return Take(")") ? out : Fail();
    }
    std::string name;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
      name += text_[at_++];
    }
    if (name.empty()) return Fail();
    static const std::vector<std::string_view> kFunctions = {"min",          "max",      "select",
                                                             "if_then_else", "truncmod", "truncdiv"};
    const bool function = std::find(kFunctions.begin(), kFunctions.end(), name) != kFunctions.end();
    if (function != (at_ < text_.size() && text_[at_] == '(')) return Fail();
    if (!function) {
      const bool number = std::isdigit(static_cast<unsigned char>(name[0])) != 0;
      const bool short_name =
          name.size() == 1 || (name.size() == 2 && std::isdigit(static_cast<unsigned char>(name[1])));
      return number || short_name || name == "true" || name == "false" || name == "sum"
                 ? std::make_shared<Node>(Node{name, {}})
                 : Fail();
    }
    auto out = std::make_shared<Node>(Node{name, {}});
    Take("(");
    do {
      out->operands.push_back(Binary(0));
    } while (Take(","));
    return Take(")") ? out : Fail();
  }

  std::string_view text_;
  size_t at_ = 0;
  bool failed_ = false;
};

// One instance.
class Maker {
 public:
  Maker(RandomExpr& exprs, CounterRandom& random) : exprs_(exprs), random_(random) {
    floor_ = random_.Below(3) != 0;
    is_min_ = random_.Below(2) == 0;
    constexpr ExprKind kOrders[] = {ExprKind::kLT, ExprKind::kLE, ExprKind::kGT, ExprKind::kGE};
    less_ = random_.Below(2) == 0 ? ExprKind::kLT : kOrders[random_.Below(4)];
  }

  Expr Make(const Node& node) {
    if (node.operands.empty()) return Leaf(node.what);
    if (node.what == "negative") {
      const Expr value = Make(*node.operands[0]);
      const int64_t* literal = ir::ConstInt(value);
      return literal != nullptr ? ir::Int32(-*literal) : ir::MakeBinary(ExprKind::kSub, ir::Int32(0), value);
    }
    if (node.what == "not") return ir::MakeNot(Condition(*node.operands[0]));
    if (node.what == "select") {
      const Expr condition = Condition(*node.operands[0]);
      const Expr a = Make(*node.operands[1]);
      return ir::MakeSelect(condition, a, Make(*node.operands[2]));
    }
    if (node.what == "if_then_else") {
      const Expr condition = Condition(*node.operands[0]);
      const Expr a = Make(*node.operands[1]);
      return ir::MakeCall(ir::kInt32, ir::Builtin::if_then_else, {condition, a, Make(*node.operands[2])});
    }
    if (node.what == "and" || node.what == "or") {
      const Expr a = Condition(*node.operands[0]);
      return ir::MakeBinary(node.what == "and" ? ExprKind::kAnd : ExprKind::kOr, a, Condition(*node.operands[1]));
    }
    const Expr a = Make(*node.operands[0]);
    const Expr b = Make(*node.operands[1]);
    return ir::MakeBinary(KindOf(node.what), a, b);
  }

 private:
  ExprKind KindOf(const std::string& op) const {
    static const std::map<std::string, ExprKind> kKinds = {
        {"+", ExprKind::kAdd},        {"-", ExprKind::kSub},        {"*", ExprKind::kMul}, {"//", ExprKind::kFloorDiv},
        {"truncmod", ExprKind::kMod}, {"truncdiv", ExprKind::kDiv}, {"==", ExprKind::kEQ}, {"!=", ExprKind::kNE},
        {"<=", ExprKind::kLE},        {">=", ExprKind::kGE},        {">", ExprKind::kGT}};
    if (op == "min") return is_min_ ? ExprKind::kMin : ExprKind::kMax;
    if (op == "max") return is_min_ ? ExprKind::kMax : ExprKind::kMin;
    if (op == "/") return floor_ ? ExprKind::kFloorDiv : ExprKind::kDiv;
    if (op == "%") return floor_ ? ExprKind::kFloorMod : ExprKind::kMod;
    if (op == "<") return less_;
    return kKinds.at(op);
  }

  // Single letters may stand for conditions: one is made, and kept apart from the expression of that letter.
  Expr Condition(const Node& node) {
    if (!node.operands.empty()) return Make(node);
    if (node.what == "true" || node.what == "false") return ir::BoolImm(node.what == "true");
    Expr& known = conditions_[node.what];
    if (!known) {
      known = ir::MakeBinary(less_, Leaf("x" + node.what), ir::Int32(random_.Between(0, 8)));
      if (random_.Below(3) == 0) known = exprs_.Bool(1);
    }
    return known;
  }

  Expr Leaf(const std::string& name) {
    if (std::isdigit(static_cast<unsigned char>(name[0])) != 0) return ir::Int32(std::stoll(name));
    Expr& known = leaves_[name];
    if (!known) known = IsLiteral(name) ? Literal() : Anything();
    return known;
  }

  static bool IsLiteral(const std::string& name) {
    return std::string_view("ckdsmul").find(name[0]) != std::string_view::npos && (name.size() == 1 || name != "sum");
  }

  Expr Literal() {
    constexpr int64_t kPowers[] = {1, 2, 2, 4, 4, 8, 8, 16, 32};
    const uint64_t way = random_.Below(6);
    if (way == 0) return ir::Int32(random_.Between(-9, 9));
    if (way == 1) return ir::Int32(3 * kPowers[random_.Below(9)]);
    if (way == 2) return ir::Int32(random_.Between(1, 12));
    return ir::Int32(kPowers[random_.Below(9)]);
  }

  Expr Anything() {
    const uint64_t way = random_.Below(8);
    if (way == 0) return exprs_.Int(1);
    if (way == 1) return ir::Mul(Variable(), ir::Int32(int64_t{1} << random_.Below(4)));
    return Variable();
  }
  Expr Variable() { return exprs_.vars()[random_.Below(exprs_.vars().size())].var; }

  RandomExpr& exprs_;
  CounterRandom& random_;
  bool floor_;
  bool is_min_;
  ExprKind less_;
  std::map<std::string, Expr> leaves_;
  std::map<std::string, Expr> conditions_;
};

}  // namespace

std::optional<RulePattern> RulePattern::Parse(std::string_view name) {
  RulePattern out;
  out.root_ = Parser(name).ParseAll();
  // A lone word is a description.
  if (out.root_ == nullptr || out.root_->operands.empty()) return std::nullopt;
  return out;
}

Expr RulePattern::Make(RandomExpr& exprs, CounterRandom& random) const { return Maker(exprs, random).Make(*root_); }

}  // namespace hone::arith::testing
