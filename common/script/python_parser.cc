#include "common/script/python_parser.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

// Brackets and prefix operators within each other; Python's own limit for brackets is 200.
constexpr int kMaxNesting = 250;

// Words that cannot be names.
constexpr std::string_view kKeywords[] = {
    "and",     "as",   "assert", "break",  "class", "continue", "def",   "del",  "elif",   "else",  "except",   "False",
    "finally", "for",  "from",   "global", "if",    "import",   "in",    "is",   "lambda", "None",  "nonlocal", "not",
    "or",      "pass", "raise",  "return", "True",  "try",      "while", "with", "yield",  "async", "await"};

bool IsKeyword(std::string_view word) {
  return std::find(std::begin(kKeywords), std::end(kKeywords), word) != std::end(kKeywords);
}

// Binding strength of binary operators; 0 for none.
int BinaryPrecedence(const Token& token) {
  if (token.kind != TokenKind::kOp) return 0;
  const std::string_view op = token.text;
  if (op == "|") return 1;
  if (op == "^") return 2;
  if (op == "&") return 3;
  if (op == "<<" || op == ">>") return 4;
  if (op == "+" || op == "-") return 5;
  if (op == "*" || op == "/" || op == "//" || op == "%" || op == "@") return 6;
  return 0;
}

class PythonParser {
 public:
  PythonParser(const Source& source, const std::vector<Token>& tokens, ir::Arena& arena, int max_depth)
      : source_(source), tokens_(tokens), arena_(arena), max_depth_(max_depth) {}

  absl::StatusOr<Suite> File() {
    std::vector<const Statement*> out;
    while (Now().kind != TokenKind::kEnd) {
      if (Now().kind == TokenKind::kIndent) return Error("the line is indented, but no block was opened");
      HONE_RETURN_IF_ERROR(Line(out));
    }
    return Copy(out);
  }

 private:
  const Token& Now() const { return tokens_[next_]; }
  const Token& Ahead(size_t n = 1) const { return tokens_[std::min(next_ + n, tokens_.size() - 1)]; }
  void Skip() {
    if (next_ + 1 < tokens_.size()) ++next_;
  }
  bool Accept(std::string_view op) {
    if (!Now().Is(op)) return false;
    Skip();
    return true;
  }
  bool AcceptWord(std::string_view word) {
    if (!Now().IsWord(word)) return false;
    Skip();
    return true;
  }
  absl::Status Error(std::string_view message) const { return source_.Error(Now().at, message); }
  absl::Status Expected(std::string_view what) const { return Error(StrCat("expected ", what, ", found ", Found())); }
  std::string Found() const {
    switch (Now().kind) {
      case TokenKind::kNewline:
        return "the end of the line";
      case TokenKind::kIndent:
        return "an indented block";
      case TokenKind::kDedent:
        return "the end of the block";
      case TokenKind::kEnd:
        return "the end of the text";
      case TokenKind::kString:
        return "a string";
      default:
        return StrCat("'", Now().text, "'");
    }
  }
  absl::Status Need(std::string_view op, std::string_view where) {
    if (Accept(op)) return absl::OkStatus();
    return Expected(StrCat("'", op, "' ", where));
  }

  template <typename T>
  ir::Array<T> Copy(const std::vector<T>& items) {
    if (items.empty()) return {};
    T* copy = static_cast<T*>(arena_.Allocate(sizeof(T) * items.size()));
    std::copy(items.begin(), items.end(), copy);
    return ir::Array<T>(copy, items.size());
  }
  Node* NewNode(NodeKind kind, Position at) {
    Node* node = ::new (arena_.Allocate(sizeof(Node))) Node();
    node->kind = kind;
    node->at = at;
    node->depth = 1;
    return node;
  }
  absl::Status Adopt(Node* node, const std::vector<const Node*>& items) {
    int depth = node->depth;
    for (const Node* item : items) {
      if (item != nullptr) depth = std::max(depth, item->depth + 1);
    }
    if (depth > max_depth_) {
      return source_.Error(node->at, StrCat("the expression is nested more than ", max_depth_, " deep, the limit"));
    }
    node->depth = depth;
    node->items = Copy(items);
    return absl::OkStatus();
  }
  absl::StatusOr<const Node*> Make(NodeKind kind, Position at, const std::vector<const Node*>& items,
                                   std::string_view text = {}) {
    Node* node = NewNode(kind, at);
    node->text = text;
    HONE_RETURN_IF_ERROR(Adopt(node, items));
    return node;
  }

  // Counts recursion of the grammar, which parentheses deepen without making nodes.
  struct Deeper {
    explicit Deeper(int& level) : level(level) { ++level; }
    ~Deeper() { --level; }
    int& level;
  };
  absl::Status CheckLevel() const {
    if (level_ > kMaxNesting) return Error(StrCat("nested more than ", kMaxNesting, " deep, the limit"));
    return absl::OkStatus();
  }

  // ---- statements
  Statement* NewStatement(SuiteKind kind, Position at) {
    Statement* s = ::new (arena_.Allocate(sizeof(Statement))) Statement();
    s->kind = kind;
    s->at = at;
    return s;
  }
  absl::Status Line(std::vector<const Statement*>& out);
  absl::StatusOr<const Statement*> Compound();
  absl::StatusOr<const Statement*> Simple();
  absl::StatusOr<const Statement*> ExpressionStatement();
  absl::StatusOr<const Statement*> Import();
  absl::StatusOr<const Statement*> If();
  absl::StatusOr<const Statement*> For();
  absl::StatusOr<const Statement*> While();
  absl::StatusOr<const Statement*> With();
  absl::StatusOr<const Statement*> Function(const std::vector<const Node*>& decorators);
  absl::StatusOr<const Statement*> Class(const std::vector<const Node*>& decorators);
  absl::StatusOr<const Statement*> Decorated();
  absl::StatusOr<Suite> Block(std::string_view after);
  absl::StatusOr<std::string_view> Name(std::string_view what);
  absl::StatusOr<std::string_view> DottedName();

  // ---- expressions
  absl::StatusOr<const Node*> Expressions();  // a, b, ...: a tuple when there is a comma.
  absl::StatusOr<const Node*> Targets();      // The names of a for.
  absl::StatusOr<const Node*> Expression();   // With lambda and conditional.
  absl::StatusOr<const Node*> Or();
  absl::StatusOr<const Node*> And();
  absl::StatusOr<const Node*> Not();
  absl::StatusOr<const Node*> Comparison();
  absl::StatusOr<const Node*> Binary(int min_precedence);
  absl::StatusOr<const Node*> Unary();
  absl::StatusOr<const Node*> Power();
  absl::StatusOr<const Node*> Postfix();
  absl::StatusOr<const Node*> Atom();
  absl::StatusOr<const Node*> Lambda();
  absl::StatusOr<const Node*> Call(const Node* callee);
  absl::StatusOr<const Node*> Subscript(const Node* base);
  absl::StatusOr<const Node*> Index();
  absl::StatusOr<const Node*> Parenthesized();
  absl::StatusOr<const Node*> List();
  absl::StatusOr<const Node*> Dict();
  absl::StatusOr<const Node*> Number();

  const Source& source_;
  const std::vector<Token>& tokens_;
  ir::Arena& arena_;
  const int max_depth_;
  size_t next_ = 0;
  int level_ = 0;
};

// ---------------------------------------------------------------------------------------------------- statements

absl::Status PythonParser::Line(std::vector<const Statement*>& out) {
  const Token& t = Now();
  const bool compound = t.Is("@") || t.IsWord("if") || t.IsWord("for") || t.IsWord("while") || t.IsWord("with") ||
                        t.IsWord("def") || t.IsWord("class");
  if (compound) {
    HONE_ASSIGN_OR_RETURN(const Statement* s, Compound());
    out.push_back(s);
    return absl::OkStatus();
  }
  while (true) {
    HONE_ASSIGN_OR_RETURN(const Statement* s, Simple());
    out.push_back(s);
    if (Accept(";")) {
      if (Now().kind == TokenKind::kNewline) break;
      continue;
    }
    break;
  }
  if (Now().kind != TokenKind::kNewline) return Expected("the end of the statement");
  Skip();
  return absl::OkStatus();
}

absl::StatusOr<Suite> PythonParser::Block(std::string_view after) {
  HONE_RETURN_IF_ERROR(Need(":", after));
  std::vector<const Statement*> out;
  if (Now().kind != TokenKind::kNewline) {  // On the same line.
    HONE_RETURN_IF_ERROR(Line(out));
    return Copy(out);
  }
  Skip();
  if (Now().kind != TokenKind::kIndent) return Expected(StrCat("an indented block ", after));
  Skip();
  while (Now().kind != TokenKind::kDedent && Now().kind != TokenKind::kEnd) {
    if (Now().kind == TokenKind::kIndent) return Error("the line is indented more than its block");
    HONE_RETURN_IF_ERROR(Line(out));
  }
  if (Now().kind == TokenKind::kDedent) Skip();
  return Copy(out);
}

absl::StatusOr<const Statement*> PythonParser::Compound() {
  if (Now().Is("@")) return Decorated();
  if (Now().IsWord("if")) return If();
  if (Now().IsWord("for")) return For();
  if (Now().IsWord("while")) return While();
  if (Now().IsWord("with")) return With();
  if (Now().IsWord("def")) return Function({});
  return Class({});
}

absl::StatusOr<const Statement*> PythonParser::Decorated() {
  std::vector<const Node*> decorators;
  while (Accept("@")) {
    HONE_ASSIGN_OR_RETURN(const Node* decorator, Expression());
    decorators.push_back(decorator);
    if (Now().kind != TokenKind::kNewline) return Expected("the end of the decorator's line");
    Skip();
  }
  if (Now().IsWord("def")) return Function(decorators);
  if (Now().IsWord("class")) return Class(decorators);
  return Expected("'def' or 'class' after the decorator");
}

absl::StatusOr<std::string_view> PythonParser::Name(std::string_view what) {
  if (Now().kind != TokenKind::kName || IsKeyword(Now().text)) return Expected(what);
  const std::string_view name = Now().text;
  Skip();
  return name;
}

absl::StatusOr<const Statement*> PythonParser::Function(const std::vector<const Node*>& decorators) {
  Statement* s = NewStatement(SuiteKind::kFunction, Now().at);
  Skip();
  HONE_ASSIGN_OR_RETURN(s->text, Name("the name of the function"));
  s->decorators = Copy(decorators);
  HONE_RETURN_IF_ERROR(Need("(", "after the function's name"));
  std::vector<Keyword> parameters;
  while (!Now().Is(")")) {
    Keyword parameter{{}, nullptr, Now().at};
    if (Now().Is("*") || Now().Is("**")) return Error("variadic parameters are not supported");
    HONE_ASSIGN_OR_RETURN(parameter.name, Name("a parameter or ')'"));
    if (Accept(":")) {
      HONE_ASSIGN_OR_RETURN(parameter.value, Expression());
    }
    if (Now().Is("=")) return Error("default values of parameters are not supported");
    parameters.push_back(parameter);
    if (!Accept(",")) break;
  }
  HONE_RETURN_IF_ERROR(Need(")", "after the parameters"));
  s->parameters = Copy(parameters);
  if (Accept("->")) {
    HONE_ASSIGN_OR_RETURN(s->annotation, Expression());
  }
  HONE_ASSIGN_OR_RETURN(s->body, Block("after the function's head"));
  return s;
}

absl::StatusOr<const Statement*> PythonParser::Class(const std::vector<const Node*>& decorators) {
  Statement* s = NewStatement(SuiteKind::kClass, Now().at);
  Skip();
  HONE_ASSIGN_OR_RETURN(s->text, Name("the name of the class"));
  s->decorators = Copy(decorators);
  if (Accept("(")) {
    HONE_RETURN_IF_ERROR(Need(")", "(a module class has no bases)"));
  }
  HONE_ASSIGN_OR_RETURN(s->body, Block("after the class's name"));
  return s;
}

absl::StatusOr<const Statement*> PythonParser::If() {
  Statement* s = NewStatement(SuiteKind::kIf, Now().at);
  Deeper deeper(level_);
  HONE_RETURN_IF_ERROR(CheckLevel());
  Skip();
  HONE_ASSIGN_OR_RETURN(s->value, Expression());
  HONE_ASSIGN_OR_RETURN(s->body, Block("after the condition"));
  if (Now().IsWord("elif")) {
    HONE_ASSIGN_OR_RETURN(const Statement* nested, If());
    s->otherwise = Copy(std::vector<const Statement*>{nested});
  } else if (AcceptWord("else")) {
    HONE_ASSIGN_OR_RETURN(s->otherwise, Block("after 'else'"));
  }
  return s;
}

absl::StatusOr<const Statement*> PythonParser::For() {
  Statement* s = NewStatement(SuiteKind::kFor, Now().at);
  Skip();
  HONE_ASSIGN_OR_RETURN(const Node* target, Targets());
  s->targets = Copy(std::vector<const Node*>{target});
  if (!AcceptWord("in")) return Expected("'in' after the loop's variables");
  HONE_ASSIGN_OR_RETURN(s->value, Expressions());
  HONE_ASSIGN_OR_RETURN(s->body, Block("after the loop's head"));
  return s;
}

absl::StatusOr<const Statement*> PythonParser::While() {
  Statement* s = NewStatement(SuiteKind::kWhile, Now().at);
  Skip();
  HONE_ASSIGN_OR_RETURN(s->value, Expression());
  HONE_ASSIGN_OR_RETURN(s->body, Block("after the condition"));
  return s;
}

absl::StatusOr<const Statement*> PythonParser::With() {
  Statement* s = NewStatement(SuiteKind::kWith, Now().at);
  Skip();
  std::vector<WithItem> items;
  do {
    WithItem item{};
    HONE_ASSIGN_OR_RETURN(item.value, Expression());
    if (AcceptWord("as")) {
      HONE_ASSIGN_OR_RETURN(item.target, Postfix());
    }
    items.push_back(item);
  } while (Accept(","));
  s->with = Copy(items);
  HONE_ASSIGN_OR_RETURN(s->body, Block("after the scope"));
  return s;
}

absl::StatusOr<std::string_view> PythonParser::DottedName() {
  HONE_ASSIGN_OR_RETURN(const std::string_view first, Name("the name of a module"));
  std::string_view last = first;
  while (Accept(".")) {
    HONE_ASSIGN_OR_RETURN(last, Name("a name after '.'"));
  }
  return std::string_view(first.data(), static_cast<size_t>(last.data() + last.size() - first.data()));
}

absl::StatusOr<const Statement*> PythonParser::Import() {
  Statement* s = NewStatement(SuiteKind::kImport, Now().at);
  std::vector<ImportedName> imports;
  if (AcceptWord("from")) {
    HONE_ASSIGN_OR_RETURN(const std::string_view module, DottedName());
    if (!AcceptWord("import")) return Expected("'import'");
    const bool parenthesized = Accept("(");
    if (Accept("*")) {
      s->imports = {};
      return s;
    }
    do {
      if (parenthesized && Now().Is(")")) break;
      ImportedName item{module, {}, {}};
      HONE_ASSIGN_OR_RETURN(item.name, Name("the name to import"));
      item.alias = item.name;
      if (AcceptWord("as")) {
        HONE_ASSIGN_OR_RETURN(item.alias, Name("a name after 'as'"));
      }
      imports.push_back(item);
    } while (Accept(","));
    if (parenthesized) HONE_RETURN_IF_ERROR(Need(")", "after the imported names"));
  } else {
    Skip();
    do {
      ImportedName item{};
      HONE_ASSIGN_OR_RETURN(item.module, DottedName());
      item.alias = item.module.substr(0, item.module.find('.'));
      if (AcceptWord("as")) {
        HONE_ASSIGN_OR_RETURN(item.alias, Name("a name after 'as'"));
      }
      imports.push_back(item);
    } while (Accept(","));
  }
  s->imports = Copy(imports);
  return s;
}

absl::StatusOr<const Statement*> PythonParser::Simple() {
  const Token& t = Now();
  if (t.kind == TokenKind::kName) {
    if (t.text == "pass") {
      Statement* s = NewStatement(SuiteKind::kPass, t.at);
      Skip();
      return s;
    }
    if (t.text == "return") {
      Statement* s = NewStatement(SuiteKind::kReturn, t.at);
      Skip();
      if (Now().kind != TokenKind::kNewline && !Now().Is(";")) {
        HONE_ASSIGN_OR_RETURN(s->value, Expressions());
      }
      return s;
    }
    if (t.text == "assert") {
      Statement* s = NewStatement(SuiteKind::kAssert, t.at);
      Skip();
      HONE_ASSIGN_OR_RETURN(s->value, Expression());
      if (Accept(",")) {
        HONE_ASSIGN_OR_RETURN(s->annotation, Expression());
      }
      return s;
    }
    if (t.text == "import" || t.text == "from") return Import();
    constexpr std::string_view kUnsupported[] = {"break", "continue", "del",   "global", "nonlocal",
                                                 "raise", "try",      "yield", "async",  "await"};
    if (std::find(std::begin(kUnsupported), std::end(kUnsupported), t.text) != std::end(kUnsupported)) {
      return Error(StrCat("'", t.text, "' statements are not supported"));
    }
  }
  return ExpressionStatement();
}

absl::StatusOr<const Statement*> PythonParser::ExpressionStatement() {
  Statement* s = NewStatement(SuiteKind::kExpr, Now().at);
  HONE_ASSIGN_OR_RETURN(const Node* first, Expressions());
  if (Accept(":")) {
    s->kind = SuiteKind::kAnnAssign;
    s->targets = Copy(std::vector<const Node*>{first});
    HONE_ASSIGN_OR_RETURN(s->annotation, Expression());
    if (Accept("=")) {
      HONE_ASSIGN_OR_RETURN(s->value, Expressions());
    }
    return s;
  }
  if (Now().Is("=")) {
    s->kind = SuiteKind::kAssign;
    std::vector<const Node*> targets;
    const Node* last = first;
    while (Accept("=")) {
      targets.push_back(last);
      HONE_ASSIGN_OR_RETURN(last, Expressions());
    }
    s->targets = Copy(targets);
    s->value = last;
    return s;
  }
  if (Now().kind == TokenKind::kOp && Now().text.size() >= 2 && Now().text.back() == '=' && Now().text != "==" &&
      Now().text != "<=" && Now().text != ">=" && Now().text != "!=" && Now().text != ":=") {
    s->kind = SuiteKind::kAugAssign;
    s->text = Now().text.substr(0, Now().text.size() - 1);
    s->targets = Copy(std::vector<const Node*>{first});
    Skip();
    HONE_ASSIGN_OR_RETURN(s->value, Expressions());
    return s;
  }
  s->value = first;
  return s;
}

// --------------------------------------------------------------------------------------------------- expressions

absl::StatusOr<const Node*> PythonParser::Expressions() {
  const Position at = Now().at;
  HONE_ASSIGN_OR_RETURN(const Node* first, Expression());
  if (!Now().Is(",")) return first;
  std::vector<const Node*> items = {first};
  while (Accept(",")) {
    if (Now().kind == TokenKind::kNewline || Now().Is("=") || Now().Is(")") || Now().Is(":") || Now().Is(";")) break;
    HONE_ASSIGN_OR_RETURN(const Node* item, Expression());
    items.push_back(item);
  }
  return Make(NodeKind::kTuple, at, items);
}

absl::StatusOr<const Node*> PythonParser::Targets() {
  const Position at = Now().at;
  HONE_ASSIGN_OR_RETURN(const Node* first, Postfix());
  if (!Now().Is(",")) return first;
  std::vector<const Node*> items = {first};
  while (Accept(",")) {
    if (Now().IsWord("in")) break;
    HONE_ASSIGN_OR_RETURN(const Node* item, Postfix());
    items.push_back(item);
  }
  return Make(NodeKind::kTuple, at, items);
}

absl::StatusOr<const Node*> PythonParser::Expression() {
  Deeper deeper(level_);
  HONE_RETURN_IF_ERROR(CheckLevel());
  const Position at = Now().at;
  if (Now().IsWord("lambda")) return Lambda();
  if (Accept("*")) {
    HONE_ASSIGN_OR_RETURN(const Node* inner, Expression());
    return Make(NodeKind::kStar, at, {inner});
  }
  HONE_ASSIGN_OR_RETURN(const Node* value, Or());
  if (!AcceptWord("if")) return value;
  HONE_ASSIGN_OR_RETURN(const Node* condition, Or());
  if (!AcceptWord("else")) return Expected("'else' of the conditional expression");
  HONE_ASSIGN_OR_RETURN(const Node* otherwise, Expression());
  return Make(NodeKind::kCondition, at, {value, condition, otherwise});
}

absl::StatusOr<const Node*> PythonParser::Or() {
  HONE_ASSIGN_OR_RETURN(const Node* left, And());
  while (Now().IsWord("or")) {
    const Position at = Now().at;
    Skip();
    HONE_ASSIGN_OR_RETURN(const Node* right, And());
    HONE_ASSIGN_OR_RETURN(left, Make(NodeKind::kBinary, at, {left, right}, "or"));
  }
  return left;
}

absl::StatusOr<const Node*> PythonParser::And() {
  HONE_ASSIGN_OR_RETURN(const Node* left, Not());
  while (Now().IsWord("and")) {
    const Position at = Now().at;
    Skip();
    HONE_ASSIGN_OR_RETURN(const Node* right, Not());
    HONE_ASSIGN_OR_RETURN(left, Make(NodeKind::kBinary, at, {left, right}, "and"));
  }
  return left;
}

absl::StatusOr<const Node*> PythonParser::Not() {
  if (!Now().IsWord("not")) return Comparison();
  Deeper deeper(level_);
  HONE_RETURN_IF_ERROR(CheckLevel());
  const Position at = Now().at;
  Skip();
  HONE_ASSIGN_OR_RETURN(const Node* operand, Not());
  return Make(NodeKind::kUnary, at, {operand}, "not");
}

absl::StatusOr<const Node*> PythonParser::Comparison() {
  HONE_ASSIGN_OR_RETURN(const Node* left, Binary(1));
  bool chained = false;
  while (true) {
    const Token& op = Now();
    std::string_view text;
    if (op.Is("<") || op.Is("<=") || op.Is("==") || op.Is("!=") || op.Is(">") || op.Is(">=")) {
      text = op.text;
      Skip();
    } else if (op.IsWord("in")) {
      text = "in";
      Skip();
    } else if (op.IsWord("is")) {
      text = "is";
      Skip();
      if (AcceptWord("not")) text = "is not";
    } else if (op.IsWord("not") && Ahead().IsWord("in")) {
      text = "not in";
      Skip();
      Skip();
    } else {
      return left;
    }
    HONE_ASSIGN_OR_RETURN(const Node* right, Binary(1));
    HONE_ASSIGN_OR_RETURN(const Node* made, Make(NodeKind::kCompare, op.at, {left, right}, text));
    const_cast<Node*>(made)->wide = chained;
    chained = true;
    left = made;
  }
}

absl::StatusOr<const Node*> PythonParser::Binary(int min_precedence) {
  HONE_ASSIGN_OR_RETURN(const Node* left, Unary());
  while (true) {
    const int precedence = BinaryPrecedence(Now());
    if (precedence == 0 || precedence < min_precedence) return left;
    const Token& op = Now();
    Skip();
    HONE_ASSIGN_OR_RETURN(const Node* right, Binary(precedence + 1));
    HONE_ASSIGN_OR_RETURN(left, Make(NodeKind::kBinary, op.at, {left, right}, op.text));
  }
}

absl::StatusOr<const Node*> PythonParser::Unary() {
  if (!Now().Is("-") && !Now().Is("+") && !Now().Is("~")) return Power();
  Deeper deeper(level_);
  HONE_RETURN_IF_ERROR(CheckLevel());
  const Token& op = Now();
  Skip();
  HONE_ASSIGN_OR_RETURN(const Node* operand, Unary());
  return Make(NodeKind::kUnary, op.at, {operand}, op.text);
}

absl::StatusOr<const Node*> PythonParser::Power() {
  HONE_ASSIGN_OR_RETURN(const Node* base, Postfix());
  if (!Now().Is("**")) return base;
  Deeper deeper(level_);
  HONE_RETURN_IF_ERROR(CheckLevel());
  const Position at = Now().at;
  Skip();
  HONE_ASSIGN_OR_RETURN(const Node* exponent, Unary());
  return Make(NodeKind::kBinary, at, {base, exponent}, "**");
}

absl::StatusOr<const Node*> PythonParser::Postfix() {
  HONE_ASSIGN_OR_RETURN(const Node* node, Atom());
  while (true) {
    if (Now().Is(".")) {
      const Position at = node->at;
      Skip();
      HONE_ASSIGN_OR_RETURN(const std::string_view name, Name("a name after '.'"));
      HONE_ASSIGN_OR_RETURN(node, Make(NodeKind::kAttribute, at, {node}, name));
    } else if (Now().Is("(")) {
      HONE_ASSIGN_OR_RETURN(node, Call(node));
    } else if (Now().Is("[")) {
      HONE_ASSIGN_OR_RETURN(node, Subscript(node));
    } else {
      return node;
    }
  }
}

absl::StatusOr<const Node*> PythonParser::Call(const Node* callee) {
  Node* node = NewNode(NodeKind::kCall, callee->at);
  Skip();
  std::vector<const Node*> items = {callee};
  std::vector<Keyword> keywords;
  while (!Now().Is(")")) {
    if (Now().kind == TokenKind::kName && Ahead().Is("=")) {
      Keyword keyword{Now().text, nullptr, Now().at};
      Skip();
      Skip();
      HONE_ASSIGN_OR_RETURN(keyword.value, Expression());
      node->depth = std::max(node->depth, keyword.value->depth + 1);
      keywords.push_back(keyword);
    } else if (Now().Is("**")) {
      return Error("'**' arguments are not supported");
    } else {
      if (!keywords.empty()) return Error("a positional argument follows a keyword argument");
      HONE_ASSIGN_OR_RETURN(const Node* item, Expression());
      items.push_back(item);
    }
    if (!Accept(",")) break;
  }
  HONE_RETURN_IF_ERROR(Need(")", "or ',' in the arguments"));
  node->keywords = Copy(keywords);
  HONE_RETURN_IF_ERROR(Adopt(node, items));
  return node;
}

absl::StatusOr<const Node*> PythonParser::Index() {
  const Position at = Now().at;
  const Node* start = nullptr;
  if (!Now().Is(":")) {
    HONE_ASSIGN_OR_RETURN(start, Expression());
    if (!Now().Is(":")) return start;
  }
  Skip();
  const Node* stop = nullptr;
  const Node* step = nullptr;
  if (!Now().Is(":") && !Now().Is(",") && !Now().Is("]")) {
    HONE_ASSIGN_OR_RETURN(stop, Expression());
  }
  if (Accept(":") && !Now().Is(",") && !Now().Is("]")) {
    HONE_ASSIGN_OR_RETURN(step, Expression());
  }
  return Make(NodeKind::kSlice, at, {start, stop, step});
}

absl::StatusOr<const Node*> PythonParser::Subscript(const Node* base) {
  const Position at = base->at;
  Skip();
  std::vector<const Node*> items = {base};
  bool comma = false;
  while (!Now().Is("]")) {
    HONE_ASSIGN_OR_RETURN(const Node* item, Index());
    items.push_back(item);
    comma = Accept(",");
    if (!comma) break;
  }
  HONE_RETURN_IF_ERROR(Need("]", "or ',' in the indices"));
  if (items.size() == 1) return source_.Error(at, "an index is missing: write [()] for a scalar buffer");
  // A[(i, j)] and A[()] are A[i, j] and A[].
  if (items.size() == 2 && !comma && items[1]->kind == NodeKind::kTuple) {
    const Node* tuple = items[1];
    items.pop_back();
    items.insert(items.end(), tuple->items.begin(), tuple->items.end());
  }
  return Make(NodeKind::kSubscript, at, items);
}

absl::StatusOr<const Node*> PythonParser::Lambda() {
  Node* node = NewNode(NodeKind::kLambda, Now().at);
  Skip();
  std::vector<Keyword> parameters;
  while (!Now().Is(":")) {
    Keyword parameter{{}, nullptr, Now().at};
    if (Now().Is("*")) return Error("variadic parameters are not supported");
    HONE_ASSIGN_OR_RETURN(parameter.name, Name("a parameter of the lambda"));
    parameters.push_back(parameter);
    if (!Accept(",")) break;
  }
  HONE_RETURN_IF_ERROR(Need(":", "after the lambda's parameters"));
  HONE_ASSIGN_OR_RETURN(const Node* body, Expression());
  node->keywords = Copy(parameters);
  HONE_RETURN_IF_ERROR(Adopt(node, {body}));
  return node;
}

absl::StatusOr<const Node*> PythonParser::Parenthesized() {
  const Position at = Now().at;
  Skip();
  if (Accept(")")) return Make(NodeKind::kTuple, at, {});
  HONE_ASSIGN_OR_RETURN(const Node* first, Expression());
  if (Accept(")")) return first;
  if (Now().IsWord("for")) return Error("comprehensions are not supported");
  std::vector<const Node*> items = {first};
  while (Accept(",")) {
    if (Now().Is(")")) break;
    HONE_ASSIGN_OR_RETURN(const Node* item, Expression());
    items.push_back(item);
  }
  HONE_RETURN_IF_ERROR(Need(")", "to close the parentheses"));
  return Make(NodeKind::kTuple, at, items);
}

absl::StatusOr<const Node*> PythonParser::List() {
  const Position at = Now().at;
  Skip();
  std::vector<const Node*> items;
  while (!Now().Is("]")) {
    HONE_ASSIGN_OR_RETURN(const Node* item, Expression());
    if (Now().IsWord("for")) return Error("comprehensions are not supported");
    items.push_back(item);
    if (!Accept(",")) break;
  }
  HONE_RETURN_IF_ERROR(Need("]", "or ',' in the list"));
  return Make(NodeKind::kList, at, items);
}

absl::StatusOr<const Node*> PythonParser::Dict() {
  const Position at = Now().at;
  Skip();
  std::vector<const Node*> items;
  while (!Now().Is("}")) {
    HONE_ASSIGN_OR_RETURN(const Node* key, Expression());
    HONE_RETURN_IF_ERROR(Need(":", "after the key"));
    HONE_ASSIGN_OR_RETURN(const Node* value, Expression());
    items.push_back(key);
    items.push_back(value);
    if (!Accept(",")) break;
  }
  HONE_RETURN_IF_ERROR(Need("}", "or ',' in the dictionary"));
  return Make(NodeKind::kDict, at, items);
}

absl::StatusOr<const Node*> PythonParser::Number() {
  const Token& token = Now();
  std::string digits;
  for (const char c : token.text) {
    if (c != '_') digits.push_back(c);
  }
  Skip();
  if (token.kind == TokenKind::kFloat) {
    Node* node = NewNode(NodeKind::kFloat, token.at);
    node->number = std::strtod(digits.c_str(), nullptr);
    return node;
  }
  int base = 10;
  std::string_view rest = digits;
  if (rest.size() > 2 && rest[0] == '0' && rest[1] > '9') {
    base = (rest[1] | 0x20) == 'x' ? 16 : (rest[1] | 0x20) == 'o' ? 8 : 2;
    rest.remove_prefix(2);
  }
  Node* node = NewNode(NodeKind::kInt, token.at);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (error == std::errc::invalid_argument || end != rest.data() + rest.size()) {
    return source_.Error(token.at, StrCat("'", token.text, "' is not a number"));
  }
  node->wide = error == std::errc::result_out_of_range || value > static_cast<uint64_t>(INT64_MAX);
  node->integer = static_cast<int64_t>(value);
  node->number = node->wide ? std::strtod(digits.c_str(), nullptr) : static_cast<double>(value);
  node->text = error == std::errc::result_out_of_range ? token.text : std::string_view();
  return node;
}

absl::StatusOr<const Node*> PythonParser::Atom() {
  const Token& token = Now();
  switch (token.kind) {
    case TokenKind::kInt:
    case TokenKind::kFloat:
      return Number();
    case TokenKind::kString: {
      Node* node = NewNode(NodeKind::kString, token.at);
      node->text = token.text;
      Skip();
      if (Now().kind == TokenKind::kString) {  // Adjacent literals are one.
        std::string all(node->text);
        for (; Now().kind == TokenKind::kString; Skip()) all += Now().text;
        node->text = arena_.CopyString(all);
      }
      return node;
    }
    case TokenKind::kName: {
      NodeKind kind = NodeKind::kName;
      if (token.text == "True") kind = NodeKind::kTrue;
      if (token.text == "False") kind = NodeKind::kFalse;
      if (token.text == "None") kind = NodeKind::kNone;
      if (kind == NodeKind::kName && IsKeyword(token.text)) return Expected("an expression");
      Node* node = NewNode(kind, token.at);
      node->text = token.text;
      Skip();
      return node;
    }
    case TokenKind::kOp:
      if (token.text == "(") return Parenthesized();
      if (token.text == "[") return List();
      if (token.text == "{") return Dict();
      return Expected("an expression");
    case TokenKind::kNewline:
    case TokenKind::kIndent:
    case TokenKind::kDedent:
    case TokenKind::kEnd:
      return Expected("an expression");
  }
  return Expected("an expression");
}

}  // namespace

absl::StatusOr<Suite> ParsePython(const Source& source, const std::vector<Token>& tokens, ir::Arena& arena,
                                  int max_depth) {
  return PythonParser(source, tokens, arena, max_depth).File();
}

}  // namespace hone::script
