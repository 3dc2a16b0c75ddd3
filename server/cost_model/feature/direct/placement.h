// Where the temporaries of a program that was read live, and what shapes they shrink to.
#pragma once

#include "server/cost_model/feature/direct/expressions.h"

namespace hone::direct {

// Gives the temporaries of the program their places and compacted shapes, moves the indices of their accesses, lets
// loops of one thread axis be one in all indices, and gives stores their loops. False when the program is not of the
// form.
bool PlaceBuffers(ReadState& state);

}  // namespace hone::direct
