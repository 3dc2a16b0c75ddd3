#include "worker/runner/elf_loader.h"

#include <elf.h>
#include <sys/mman.h>

#include <cstring>
#include <vector>

namespace hone::runner {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kMaxImage = uint64_t{1} << 30;
constexpr uint64_t kStubBytes = 16;

uint64_t RoundUp(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// The three kinds of memory, in the order of the image. GOT and stubs lie at the end of kData and kText.
enum Group { kText, kConstants, kData, kGroups };

class Linker {
 public:
  Linker(std::string_view object, const SymbolResolver& resolve) : object_(object), resolve_(resolve) {}

  std::string Link(std::string_view entry, LoadedObject* loaded) {
    if (!ReadHeaders()) return error_;
    if (!ReadSymbols()) return error_;
    if (!LayOut()) return error_;
    if (!MapImage()) return error_;
    if (!ResolveSymbols()) return error_;
    if (!Relocate()) return error_;
    if (!Protect()) return error_;
    loaded->memory = image_;
    loaded->bytes = total_;
    loaded->entry = FindEntry(entry);
    if (loaded->entry == nullptr) return "the object defines no symbol \"" + std::string(entry) + "\"";
    return "";
  }

 private:
  struct Section {
    Elf64_Shdr header;
    bool loaded = false;
    Group group = kData;
    uint64_t offset = 0;  // In the image.
  };

  bool Fail(std::string message) {
    error_ = "object: " + message;
    return false;
  }

  bool InFile(uint64_t offset, uint64_t bytes) const {
    return offset <= object_.size() && bytes <= object_.size() - offset;
  }

  template <typename T>
  bool Read(uint64_t offset, T* value) const {
    if (!InFile(offset, sizeof(T))) return false;
    std::memcpy(value, object_.data() + offset, sizeof(T));
    return true;
  }

  // A name in string table `table`; empty when it is out of bounds or not ended.
  std::string_view Name(const Elf64_Shdr& table, uint64_t index) const {
    if (!InFile(table.sh_offset, table.sh_size) || index >= table.sh_size) return "";
    const char* start = object_.data() + table.sh_offset + index;
    const size_t room = table.sh_size - index;
    const size_t length = strnlen(start, room);
    return length == room ? std::string_view() : std::string_view(start, length);
  }

  bool ReadHeaders() {
    Elf64_Ehdr header;
    if (!Read(0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return Fail("not an ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_REL || header.e_machine != EM_X86_64) {
      return Fail("not a relocatable x86-64 object");
    }
    if (header.e_shentsize != sizeof(Elf64_Shdr)) return Fail("section headers of an unknown size");
    sections_.resize(header.e_shnum);
    for (uint64_t i = 0; i < sections_.size(); ++i) {
      if (!InFile(header.e_shoff, 0) || !Read(header.e_shoff + i * sizeof(Elf64_Shdr), &sections_[i].header)) {
        return Fail("section headers reach beyond the file");
      }
    }
    if (header.e_shstrndx >= sections_.size()) return Fail("no section names");
    const Elf64_Shdr names = sections_[header.e_shstrndx].header;
    for (Section& section : sections_) {
      if (!Classify(section, Name(names, section.header.sh_name))) return false;
    }
    return true;
  }

  bool Classify(Section& section, std::string_view name) {
    const Elf64_Shdr& h = section.header;
    constexpr uint32_t kUnwind = 0x70000001;  // SHT_X86_64_UNWIND
    if ((h.sh_flags & SHF_ALLOC) == 0 || h.sh_type == kUnwind || name == ".eh_frame") return true;
    if (h.sh_type == SHT_NOTE || name.substr(0, 14) == ".note.gnu.prop") return true;
    if ((h.sh_flags & SHF_TLS) != 0) return Fail("thread-local storage is not supported");
    if (h.sh_type == SHT_INIT_ARRAY || h.sh_type == SHT_FINI_ARRAY) return Fail("constructors are not supported");
    if (h.sh_addralign > kPage) return Fail("a section is aligned to more than a page");
    if (h.sh_size > kMaxImage) return Fail("a section is too large");
    if (h.sh_type != SHT_NOBITS && !InFile(h.sh_offset, h.sh_size)) return Fail("a section reaches beyond the file");
    section.loaded = true;
    section.group = (h.sh_flags & SHF_EXECINSTR) != 0 ? kText : (h.sh_flags & SHF_WRITE) != 0 ? kData : kConstants;
    return true;
  }

  bool ReadSymbols() {
    for (const Section& section : sections_) {
      if (section.header.sh_type != SHT_SYMTAB) continue;
      const Elf64_Shdr& h = section.header;
      if (!InFile(h.sh_offset, h.sh_size) || h.sh_link >= sections_.size()) return Fail("broken symbol table");
      names_ = sections_[h.sh_link].header;
      symbols_.resize(h.sh_size / sizeof(Elf64_Sym));
      for (uint64_t i = 0; i < symbols_.size(); ++i) Read(h.sh_offset + i * sizeof(Elf64_Sym), &symbols_[i]);
      addresses_.assign(symbols_.size(), 0);
      return true;
    }
    return Fail("no symbol table");
  }

  bool LayOut() {
    uint64_t at = 0;
    for (int group = 0; group < kGroups; ++group) {
      at = RoundUp(at, kPage);
      group_start_[group] = at;
      for (Section& section : sections_) {
        if (!section.loaded || section.group != group) continue;
        at = RoundUp(at, section.header.sh_addralign == 0 ? 1 : section.header.sh_addralign);
        section.offset = at;
        at += section.header.sh_size;
        if (at > kMaxImage) return Fail("too large");
      }
      if (group == kText) {
        at = stubs_ = RoundUp(at, kStubBytes);
        at += symbols_.size() * kStubBytes;
      }
      if (group == kData && !LayOutData(&at)) return false;
    }
    total_ = RoundUp(at, kPage);
    return total_ > 0 && total_ <= kMaxImage ? true : Fail("too large");
  }

  // GOT (a slot a symbol) and COMMON symbols.
  bool LayOutData(uint64_t* at) {
    got_ = RoundUp(*at, 8);
    *at = got_ + symbols_.size() * 8;
    common_.assign(symbols_.size(), 0);
    for (uint64_t i = 0; i < symbols_.size(); ++i) {
      if (symbols_[i].st_shndx != SHN_COMMON) continue;
      const uint64_t align = symbols_[i].st_value == 0 ? 1 : symbols_[i].st_value;
      if (align > kPage || symbols_[i].st_size > kMaxImage) return Fail("a common symbol is too large");
      common_[i] = RoundUp(*at, align);
      *at = common_[i] + symbols_[i].st_size;
      if (*at > kMaxImage) return Fail("too large");
    }
    return true;
  }

  bool MapImage() {
    // Low memory, so that objects compiled without PIC (R_X86_64_32S) load too.
    void* memory = mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (memory == MAP_FAILED)
      memory = mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return Fail("no memory for the image");
    image_ = static_cast<uint8_t*>(memory);
    for (const Section& section : sections_) {
      if (!section.loaded || section.header.sh_type == SHT_NOBITS) continue;
      std::memcpy(image_ + section.offset, object_.data() + section.header.sh_offset, section.header.sh_size);
    }
    return true;
  }

  bool ResolveSymbols() {
    for (uint64_t i = 1; i < symbols_.size(); ++i) {
      if (!ResolveSymbol(i)) return false;
      const uint64_t slot = got_ + i * 8;
      std::memcpy(image_ + slot, &addresses_[i], 8);
      WriteStub(i, slot);
    }
    return true;
  }

  bool ResolveSymbol(uint64_t i) {
    const Elf64_Sym& symbol = symbols_[i];
    const uint16_t section = symbol.st_shndx;
    const std::string name(Name(names_, symbol.st_name));
    if (ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC) return Fail("indirect function \"" + name + "\"");
    if (section == SHN_ABS) {
      addresses_[i] = symbol.st_value;
    } else if (section == SHN_COMMON) {
      addresses_[i] = Address(common_[i]);
    } else if (section == SHN_UNDEF) {
      if (name == "_GLOBAL_OFFSET_TABLE_") {
        addresses_[i] = Address(got_);
        return true;
      }
      addresses_[i] = reinterpret_cast<uint64_t>(resolve_(name.c_str()));
      if (addresses_[i] == 0 && ELF64_ST_BIND(symbol.st_info) != STB_WEAK) {
        return Fail("undefined symbol \"" + name + "\"");
      }
    } else if (section < sections_.size()) {
      if (!sections_[section].loaded) return true;  // Of debug or unwind information.
      if (symbol.st_value > sections_[section].header.sh_size)
        return Fail("symbol \"" + name + "\" out of its section");
      addresses_[i] = Address(sections_[section].offset + symbol.st_value);
    } else {
      return Fail("symbol \"" + name + "\" in an unknown section");
    }
    return true;
  }

  // jmp *slot(%rip)
  void WriteStub(uint64_t i, uint64_t slot) {
    const uint64_t stub = stubs_ + i * kStubBytes;
    const int32_t distance = static_cast<int32_t>(static_cast<int64_t>(slot) - static_cast<int64_t>(stub + 6));
    image_[stub] = 0xff;
    image_[stub + 1] = 0x25;
    std::memcpy(image_ + stub + 2, &distance, 4);
  }

  bool Relocate() {
    for (const Section& section : sections_) {
      const Elf64_Shdr& h = section.header;
      if (h.sh_type != SHT_RELA) continue;
      if (h.sh_info >= sections_.size() || !InFile(h.sh_offset, h.sh_size)) return Fail("broken relocation section");
      const Section& target = sections_[h.sh_info];
      if (!target.loaded) continue;
      for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= h.sh_size; at += sizeof(Elf64_Rela)) {
        Elf64_Rela rela;
        Read(h.sh_offset + at, &rela);
        if (!Apply(target, rela)) return false;
      }
    }
    return true;
  }

  bool Apply(const Section& target, const Elf64_Rela& rela) {
    const uint64_t index = ELF64_R_SYM(rela.r_info);
    const uint32_t type = ELF64_R_TYPE(rela.r_info);
    if (index >= symbols_.size()) return Fail("relocation of an unknown symbol");
    const uint64_t place_offset = target.offset + rela.r_offset;
    const uint64_t place = Address(place_offset);
    const uint64_t addend = static_cast<uint64_t>(rela.r_addend);
    const uint64_t symbol = addresses_[index];
    const uint64_t slot = Address(got_ + index * 8);
    const uint64_t got = Address(got_);
    switch (type) {
      case R_X86_64_NONE:
        return true;
      case R_X86_64_64:
        return Store<uint64_t>(target, rela, symbol + addend);
      case R_X86_64_PC64:
        return Store<uint64_t>(target, rela, symbol + addend - place);
      case R_X86_64_GOTOFF64:
        return Store<uint64_t>(target, rela, symbol + addend - got);
      case R_X86_64_GOTPC32:
        return StoreSigned(target, rela, got + addend - place);
      case R_X86_64_32: {
        const uint64_t value = symbol + addend;
        if (value > UINT32_MAX) return Fail("a 32-bit absolute relocation does not fit");
        return Store<uint32_t>(target, rela, static_cast<uint32_t>(value));
      }
      case R_X86_64_32S:
        return StoreSigned(target, rela, symbol + addend);
      case R_X86_64_PC32:
      case R_X86_64_PLT32: {
        // A function of a shared library is out of reach: go through the stub.
        const bool external = symbols_[index].st_shndx == SHN_UNDEF;
        const uint64_t callee = external ? Address(stubs_ + index * kStubBytes) : symbol;
        return StoreSigned(target, rela, callee + addend - place);
      }
      case R_X86_64_GOTPCREL:
      case R_X86_64_GOTPCRELX:
      case R_X86_64_REX_GOTPCRELX:
        return StoreSigned(target, rela, slot + addend - place);
      default:
        return Fail("relocation type " + std::to_string(type) + " is not supported");
    }
  }

  template <typename T>
  bool Store(const Section& target, const Elf64_Rela& rela, T value) {
    const uint64_t size = target.header.sh_size;
    if (target.header.sh_type == SHT_NOBITS || rela.r_offset > size || size - rela.r_offset < sizeof(T)) {
      return Fail("a relocation lies outside of its section");
    }
    std::memcpy(image_ + target.offset + rela.r_offset, &value, sizeof(T));
    return true;
  }

  bool StoreSigned(const Section& target, const Elf64_Rela& rela, uint64_t value) {
    const int64_t wide = static_cast<int64_t>(value);
    if (wide < INT32_MIN || wide > INT32_MAX) return Fail("a 32-bit relocation does not fit");
    return Store<int32_t>(target, rela, static_cast<int32_t>(wide));
  }

  bool Protect() {
    const int text =
        mprotect(image_ + group_start_[kText], group_start_[kConstants] - group_start_[kText], PROT_READ | PROT_EXEC);
    const uint64_t constant_bytes = group_start_[kData] - group_start_[kConstants];
    const int constants =
        constant_bytes == 0 ? 0 : mprotect(image_ + group_start_[kConstants], constant_bytes, PROT_READ);
    return text == 0 && constants == 0 ? true : Fail("mprotect failed");
  }

  void* FindEntry(std::string_view entry) const {
    for (uint64_t i = 1; i < symbols_.size(); ++i) {
      const Elf64_Sym& symbol = symbols_[i];
      if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
      if (Name(names_, symbol.st_name) == entry) return reinterpret_cast<void*>(addresses_[i]);
    }
    return nullptr;
  }

  uint64_t Address(uint64_t offset) const { return reinterpret_cast<uint64_t>(image_) + offset; }

  std::string_view object_;
  const SymbolResolver& resolve_;
  std::string error_;
  std::vector<Section> sections_;
  Elf64_Shdr names_{};
  std::vector<Elf64_Sym> symbols_;
  std::vector<uint64_t> addresses_;  // By symbol.
  std::vector<uint64_t> common_;     // Image offset by symbol.
  uint64_t group_start_[kGroups] = {};
  uint64_t stubs_ = 0;
  uint64_t got_ = 0;
  uint64_t total_ = 0;
  uint8_t* image_ = nullptr;
};

}  // namespace

std::string LoadElfObject(std::string_view object, std::string_view entry, const SymbolResolver& resolve,
                          LoadedObject* loaded) {
  return Linker(object, resolve).Link(entry, loaded);
}

}  // namespace hone::runner
