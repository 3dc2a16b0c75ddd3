#include <omp.h>

#include <cstring>
#include <dnnl.hpp>
#include <list>
#include <unordered_map>

#include "bench/huge_memory.h"
#include "bench/peers.h"
#include "bench/timing.h"
#include "common/support/strings.h"

namespace hone::bench {
namespace {

using dnnl::memory;
using Arguments = std::unordered_map<int, memory>;

memory::data_type TypeOf(const std::string& dtype) {
  if (dtype == "bfloat16") return memory::data_type::bf16;
  if (dtype == "uint8") return memory::data_type::u8;
  return memory::data_type::f32;
}

std::string IsaName() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    default:
      return "other";
  }
}

class Peer {
 public:
  memory Make(memory::dims dims, memory::data_type type, memory::format_tag tag) {
    const memory::desc desc(std::move(dims), type, tag);
    arrays_.emplace_back(desc.get_size());
    memory m(desc, engine_, arrays_.back().data());
    Fill(m, type);
    return m;
  }

  double Time(const dnnl::primitive& primitive, const Arguments& arguments) {
    return MedianOf([&] {
             primitive.execute(stream_, arguments);
             stream_.wait();
           })
        .median_seconds;
  }

  double Matmul(const WorkloadSpec& spec, bool bias_relu) {
    const auto& s = spec.sizes;
    const memory::data_type in = TypeOf(spec.dtype);
    const memory::data_type weights = spec.dtype == "uint8" ? memory::data_type::s8 : in;
    const memory::data_type out = spec.dtype == "uint8" ? memory::data_type::s32 : memory::data_type::f32;
    memory a = Make({s[0], s[2]}, in, memory::format_tag::ab);
    memory b = Make({s[2], s[1]}, weights, memory::format_tag::ab);
    memory c = Make({s[0], s[1]}, out, memory::format_tag::ab);
    Arguments arguments = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
    dnnl::primitive_attr attributes;
    if (!bias_relu) {
      const dnnl::matmul::desc desc(a.get_desc(), b.get_desc(), c.get_desc());
      return Time(dnnl::matmul(dnnl::matmul::primitive_desc(desc, attributes, engine_)), arguments);
    }
    memory bias = Make({1, s[1]}, out, memory::format_tag::ab);
    arguments.emplace(DNNL_ARG_BIAS, bias);
    dnnl::post_ops relu;
    relu.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
    attributes.set_post_ops(relu);
    const dnnl::matmul::desc desc(a.get_desc(), b.get_desc(), bias.get_desc(), c.get_desc());
    return Time(dnnl::matmul(dnnl::matmul::primitive_desc(desc, attributes, engine_)), arguments);
  }

  // Plain NHWC and HWIO in memory.
  double Conv2d(const WorkloadSpec& spec) {
    const auto& s = spec.sizes;
    const int64_t oh = (s[1] + 2 * s[8] - s[5]) / s[7] + 1, ow = (s[2] + 2 * s[8] - s[6]) / s[7] + 1;
    const auto f32 = memory::data_type::f32;
    memory x = Make({s[0], s[3], s[1], s[2]}, f32, memory::format_tag::nhwc);
    memory w = Make({s[4], s[3], s[5], s[6]}, f32, memory::format_tag::hwio);
    memory y = Make({s[0], s[4], oh, ow}, f32, memory::format_tag::nhwc);
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto,
                                               x.get_desc(), w.get_desc(), y.get_desc(), {s[7], s[7]}, {s[8], s[8]},
                                               {s[8], s[8]});
    double best = Time(dnnl::convolution_forward(dnnl::convolution_forward::primitive_desc(desc, engine_)),
                       {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
    return std::min(best, Conv2dPacked(s, x, w, y));
  }

  // The library's own layout of the weights, packed from the plain one every time.
  double Conv2dPacked(const std::vector<int64_t>& s, memory& x, memory& w, memory& y) {
    const memory::desc any({s[4], s[3], s[5], s[6]}, memory::data_type::f32, memory::format_tag::any);
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto,
                                               x.get_desc(), any, y.get_desc(), {s[7], s[7]}, {s[8], s[8]},
                                               {s[8], s[8]});
    const dnnl::convolution_forward::primitive_desc primitive(desc, engine_);
    memory packed(primitive.weights_desc(), engine_);
    dnnl::reorder reorder(w, packed);
    const dnnl::convolution_forward convolution(primitive);
    return MedianOf([&] {
             reorder.execute(stream_, w, packed);
             convolution.execute(stream_, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, y}});
             stream_.wait();
           })
        .median_seconds;
  }

  double Softmax(const WorkloadSpec& spec) {
    memory x = Make({spec.sizes[0], spec.sizes[1]}, memory::data_type::f32, memory::format_tag::ab);
    memory y = Make({spec.sizes[0], spec.sizes[1]}, memory::data_type::f32, memory::format_tag::ab);
    const dnnl::softmax_forward::desc desc(dnnl::prop_kind::forward_inference, x.get_desc(), 1);
    return Time(dnnl::softmax_forward(dnnl::softmax_forward::primitive_desc(desc, engine_)),
                {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
  }

 private:
  static void Fill(memory& m, memory::data_type type) {
    const size_t bytes = m.get_desc().get_size();
    auto* data = static_cast<uint8_t*>(m.get_data_handle());
    if (type == memory::data_type::f32) {
      auto* values = reinterpret_cast<float*>(data);
      for (size_t i = 0; i < bytes / 4; ++i) values[i] = static_cast<float>(i % 13) * 0.125f - 0.75f;
    } else if (type == memory::data_type::bf16) {
      auto* values = reinterpret_cast<uint16_t*>(data);
      for (size_t i = 0; i < bytes / 2; ++i) values[i] = static_cast<uint16_t>(0x3f00 + i % 13);
    } else {
      for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>(i % 101);
    }
  }

  std::list<HugeVector<uint8_t>> arrays_;  // What the memories point to.
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
};

double TimeSpec(Peer& peer, const WorkloadSpec& spec) {
  switch (spec.kind) {
    case WorkloadKind::kMatmul:
      return peer.Matmul(spec, false);
    case WorkloadKind::kMatmulBiasRelu:
      return peer.Matmul(spec, true);
    case WorkloadKind::kConv2dNhwc:
      return peer.Conv2d(spec);
    case WorkloadKind::kSoftmax:
      return peer.Softmax(spec);
  }
  return 0;
}

}  // namespace

absl::StatusOr<PeerTiming> TimeOneDnn(const WorkloadSpec& spec, int threads) {
  omp_set_num_threads(threads);
  // The library's interface throws.
  try {
    Peer peer;
    const double seconds = TimeSpec(peer, spec);
    return PeerTiming{StrCat("oneDNN (", IsaName(), ")"), seconds};
  } catch (const dnnl::error& error) {
    return absl::UnimplementedError(StrCat("oneDNN: ", error.what()));
  }
}

}  // namespace hone::bench
