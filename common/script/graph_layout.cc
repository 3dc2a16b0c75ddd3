#include "common/script/graph_layout.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

// Arrays of more integers are written one a line.
constexpr size_t kMaxInline = 10;

void AppendQuoted(std::string_view text, std::string* out) {
  *out += '"';
  for (const char c : text) {
    switch (c) {
      case '\r':
        *out += "\\r";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\t':
        *out += "\\t";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '"':
        *out += "\\\"";
        break;
      default:
        *out += c;
    }
  }
  *out += '"';
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

// The JSON blob of TVM for bytes: base64 of a length and the bytes.
std::string Blob(std::string_view bytes) {
  std::string raw;
  uint64_t length = bytes.size();
  for (int i = 0; i < 8; ++i, length >>= 8) raw += static_cast<char>(length & 0xFF);
  raw += bytes;
  return absl::Base64Escape(ToAbsl(raw));
}

class Writer {
 public:
  std::string Graph(const std::vector<GraphNode>& nodes, int64_t root) {
    out_ = "{";
    Item(1, true);
    StrAppend(&out_, "\"root\": ", root);
    Item(1, false);
    out_ += "\"nodes\": [";
    for (size_t i = 0; i < nodes.size(); ++i) {
      Item(2, i == 0);
      Node(nodes[i]);
    }
    Close(1, ']');
    Item(1, false);
    out_ += "\"b64ndarrays\": []";
    Item(1, false);
    out_ += "\"attrs\": {\"tvm_version\": \"0.19.0\"}";
    Close(0, '}');
    return std::move(out_);
  }

 private:
  void NewLine(int level) {
    out_ += '\n';
    out_.append(static_cast<size_t>(2 * level), ' ');
  }
  void Item(int level, bool first) {
    if (!first) out_ += ", ";
    NewLine(level);
  }
  void Close(int level, char bracket) {
    NewLine(level);
    out_ += bracket;
  }

  void Node(const GraphNode& node) {
    constexpr int kLevel = 3;
    out_ += '{';
    Item(kLevel, true);
    out_ += "\"type_key\": ";
    AppendQuoted(node.type_key, &out_);
    if (node.has_repr) {
      Item(kLevel, false);
      const bool printable = IsPrintable(node.repr);
      out_ += printable ? "\"repr_str\": " : "\"repr_b64\": ";
      AppendQuoted(printable ? node.repr : Blob(node.repr), &out_);
    }
    if (!node.attrs.empty()) {
      Item(kLevel, false);
      out_ += "\"attrs\": ";
      Attrs(node);
    }
    if (!node.keys.empty()) {
      Item(kLevel, false);
      out_ += "\"keys\": [";
      for (size_t i = 0; i < node.keys.size(); ++i) {
        Item(kLevel + 1, i == 0);
        AppendQuoted(node.keys[i], &out_);
      }
      Close(kLevel, ']');
    }
    if (!node.data.empty()) {
      Item(kLevel, false);
      out_ += "\"data\": [";
      const bool lines = node.data.size() > kMaxInline;
      for (size_t i = 0; i < node.data.size(); ++i) {
        if (lines) {
          Item(kLevel + 1, i == 0);
        } else if (i > 0) {
          out_ += ", ";
        }
        StrAppend(&out_, node.data[i]);
      }
      if (lines) {
        Close(kLevel, ']');
      } else {
        out_ += ']';
      }
    }
    Close(2, '}');
  }

  void Attrs(const GraphNode& node) {
    auto attrs = node.attrs;
    std::sort(attrs.begin(), attrs.end());
    const bool lines = attrs.size() > 1;
    out_ += '{';
    for (size_t i = 0; i < attrs.size(); ++i) {
      if (lines) Item(4, i == 0);
      AppendQuoted(attrs[i].first, &out_);
      out_ += ": ";
      AppendQuoted(attrs[i].second, &out_);
    }
    if (lines) {
      Close(3, '}');
    } else {
      out_ += '}';
    }
  }

  std::string out_;
};

}  // namespace

std::string LayOutGraph(const std::vector<GraphNode>& nodes, int64_t root) { return Writer().Graph(nodes, root); }

}  // namespace hone::script
