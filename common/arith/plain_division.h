// How far sums are taken apart under a division.
#pragma once

namespace hone::arith {

// While one lives on this thread, (x * c1 + y) // c2 becomes x // (c2 / c1) only where x * c1 is the first addend, and
// (x % c1) // c2 stays, as the peer does: for whoever counts operations of the peer's form. Scopes may nest.
class PlainDivisionScope {
 public:
  PlainDivisionScope();
  ~PlainDivisionScope();
  PlainDivisionScope(const PlainDivisionScope&) = delete;
  PlainDivisionScope& operator=(const PlainDivisionScope&) = delete;
};

// Whether one lives on this thread.
bool DividesPlainly();

}  // namespace hone::arith
