#include "common/target/cpuid.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hone {
namespace {

#if defined(__x86_64__)

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers Cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
  return r;
}

std::string Text(std::initializer_list<uint32_t> words) {
  std::string text;
  for (uint32_t word : words) text.append(reinterpret_cast<const char*>(&word), 4);
  text.resize(std::strlen(text.c_str()));
  return text;
}

uint64_t Xgetbv() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

bool Bit(uint32_t word, int bit) { return (word >> bit) & 1; }

// Intel SDM volume 2, CPUID; volume 1, 13.3 (which state XCR0 enables).
std::set<std::string, std::less<>> ReadFeatures(uint32_t max_leaf) {
  std::set<std::string, std::less<>> features;
  auto add = [&](bool present, const char* name) {
    if (present) features.insert(name);
  };
  const Registers one = Cpuid(1);
  add(Bit(one.c, 20), "sse4.2");
  const uint64_t xcr0 = Bit(one.c, 27) ? Xgetbv() : 0;
  const bool ymm = (xcr0 & 0x6) == 0x6;
  const bool zmm = (xcr0 & 0xe6) == 0xe6;
  const bool tiles = (xcr0 & 0x60000) == 0x60000;
  add(ymm && Bit(one.c, 28), "avx");
  add(ymm && Bit(one.c, 29), "f16c");
  add(ymm && Bit(one.c, 12), "fma");
  if (max_leaf < 7) return features;
  const Registers seven = Cpuid(7, 0);
  const Registers more = seven.a >= 1 ? Cpuid(7, 1) : Registers();
  add(ymm && Bit(seven.b, 5), "avx2");
  add(ymm && Bit(more.a, 4), "avxvnni");
  add(zmm && Bit(seven.b, 16), "avx512f");
  add(zmm && Bit(seven.b, 30), "avx512bw");
  add(zmm && Bit(seven.b, 17), "avx512dq");
  add(zmm && Bit(seven.b, 31), "avx512vl");
  add(zmm && Bit(seven.c, 11), "avx512vnni");
  add(zmm && Bit(more.a, 5), "avx512bf16");
  add(zmm && Bit(seven.d, 23), "avx512fp16");
  add(tiles && Bit(seven.d, 25), "amx-int8");
  return features;
}

std::string ReadBrand() {
  if (Cpuid(0x80000000).a < 0x80000004) return "";
  std::string brand;
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const Registers r = Cpuid(leaf);
    const uint32_t words[] = {r.a, r.b, r.c, r.d};
    brand.append(reinterpret_cast<const char*>(words), sizeof(words));
  }
  brand.resize(std::strlen(brand.c_str()));
  const size_t start = brand.find_first_not_of(' ');
  if (start == std::string::npos) return "";
  return brand.substr(start, brand.find_last_not_of(' ') - start + 1);
}

#endif

struct ModelName {
  int family;
  int first_model;
  int last_model;
  const char* name;
};

// AMD: revision guides of each family; Intel: SDM volume 4, table 2-1.
constexpr ModelName kAmd[] = {
    {0x10, 0, 255, "amdfam10"},   {0x15, 0x00, 0x01, "bdver1"}, {0x15, 0x02, 0x1f, "bdver2"},
    {0x15, 0x30, 0x3f, "bdver3"}, {0x15, 0x60, 0x7f, "bdver4"}, {0x16, 0, 255, "btver2"},
    {0x17, 0x00, 0x2f, "znver1"}, {0x17, 0x30, 255, "znver2"},  {0x19, 0x00, 0x0f, "znver3"},
    {0x19, 0x10, 0x1f, "znver4"}, {0x19, 0x20, 0x5f, "znver3"}, {0x19, 0x60, 0x7f, "znver4"},
    {0x19, 0xa0, 0xaf, "znver4"}, {0x1a, 0x00, 0x4f, "znver5"}, {0x1a, 0x60, 0x7f, "znver5"},
};
constexpr ModelName kIntel[] = {
    {6, 0x1a, 0x1a, "nehalem"},         {6, 0x1e, 0x1f, "nehalem"},        {6, 0x2e, 0x2e, "nehalem"},
    {6, 0x25, 0x25, "westmere"},        {6, 0x2c, 0x2c, "westmere"},       {6, 0x2f, 0x2f, "westmere"},
    {6, 0x2a, 0x2a, "sandybridge"},     {6, 0x2d, 0x2d, "sandybridge"},    {6, 0x3a, 0x3a, "ivybridge"},
    {6, 0x3e, 0x3e, "ivybridge"},       {6, 0x3c, 0x3c, "haswell"},        {6, 0x3f, 0x3f, "haswell"},
    {6, 0x45, 0x46, "haswell"},         {6, 0x3d, 0x3d, "broadwell"},      {6, 0x47, 0x47, "broadwell"},
    {6, 0x4f, 0x4f, "broadwell"},       {6, 0x56, 0x56, "broadwell"},      {6, 0x4e, 0x4e, "skylake"},
    {6, 0x5e, 0x5e, "skylake"},         {6, 0x8e, 0x8e, "skylake"},        {6, 0x9e, 0x9e, "skylake"},
    {6, 0xa5, 0xa6, "skylake"},         {6, 0x55, 0x55, "skylake-avx512"}, {6, 0x66, 0x66, "cannonlake"},
    {6, 0x7d, 0x7e, "icelake-client"},  {6, 0x6a, 0x6a, "icelake-server"}, {6, 0x6c, 0x6c, "icelake-server"},
    {6, 0x8c, 0x8d, "tigerlake"},       {6, 0xa7, 0xa7, "rocketlake"},     {6, 0x97, 0x97, "alderlake"},
    {6, 0x9a, 0x9a, "alderlake"},       {6, 0xb7, 0xb7, "raptorlake"},     {6, 0xba, 0xba, "raptorlake"},
    {6, 0xbf, 0xbf, "raptorlake"},      {6, 0xaa, 0xaa, "meteorlake"},     {6, 0xac, 0xac, "meteorlake"},
    {6, 0x8f, 0x8f, "sapphirerapids"},  {6, 0xcf, 0xcf, "emeraldrapids"},  {6, 0xad, 0xad, "graniterapids"},
    {6, 0xae, 0xae, "graniterapids-d"}, {6, 0xaf, 0xaf, "sierraforest"},   {6, 0xc5, 0xc5, "arrowlake"},
    {6, 0xc6, 0xc6, "arrowlake-s"},     {6, 0xbd, 0xbd, "lunarlake"},
};

// Cascade Lake and Cooper Lake share the model number of Skylake-SP.
std::string RefineSkylakeServer(const CpuIdentity& cpu) {
  if (cpu.features.count("avx512bf16") > 0) return "cooperlake";
  return cpu.features.count("avx512vnni") > 0 ? "cascadelake" : "skylake-avx512";
}

std::string GenericLevel(const CpuIdentity& cpu) {
  auto all = [&](std::initializer_list<const char*> names) {
    return std::all_of(names.begin(), names.end(), [&](const char* n) { return cpu.features.count(n) > 0; });
  };
  if (all({"avx512f", "avx512bw", "avx512dq", "avx512vl"})) return "x86-64-v4";
  if (all({"avx2", "fma", "f16c"})) return "x86-64-v3";
  return all({"sse4.2"}) ? "x86-64-v2" : "x86-64";
}

}  // namespace

CpuIdentity ReadCpuIdentity() {
  CpuIdentity cpu;
#if defined(__x86_64__)
  const Registers zero = Cpuid(0);
  cpu.vendor = Text({zero.b, zero.d, zero.c});
  cpu.brand = ReadBrand();
  const Registers one = Cpuid(1);
  const uint32_t base_family = (one.a >> 8) & 0xf;
  cpu.family = static_cast<int>(base_family == 0xf ? base_family + ((one.a >> 20) & 0xff) : base_family);
  cpu.model = static_cast<int>(((one.a >> 4) & 0xf) | (base_family >= 6 ? ((one.a >> 12) & 0xf0) : 0));
  cpu.stepping = static_cast<int>(one.a & 0xf);
  if (Bit(one.c, 31)) {
    const Registers hypervisor = Cpuid(0x40000000);
    cpu.hypervisor = Text({hypervisor.b, hypervisor.c, hypervisor.d});
    if (cpu.hypervisor.empty()) cpu.hypervisor = "unknown";
  }
  cpu.features = ReadFeatures(zero.a);
#endif
  return cpu;
}

std::string LlvmCpuName(const CpuIdentity& cpu) {
#if !defined(__x86_64__)
  return "generic";
#endif
  auto find = [&](const auto& table) -> const char* {
    for (const ModelName& row : table) {
      if (row.family == cpu.family && cpu.model >= row.first_model && cpu.model <= row.last_model) return row.name;
    }
    return nullptr;
  };
  const char* name = nullptr;
  if (cpu.vendor == "AuthenticAMD" || cpu.vendor == "HygonGenuine") name = find(kAmd);
  if (cpu.vendor == "GenuineIntel") name = find(kIntel);
  if (name == nullptr) return GenericLevel(cpu);
  if (std::string_view(name) == "skylake-avx512") return RefineSkylakeServer(cpu);
  return name;
}

}  // namespace hone
