#include "worker/codegen/llvm/module_state.h"

#include "llvm/IR/MDBuilder.h"

namespace hone::codegen {

void ModuleState::DefineAliasScopes(const std::vector<ir::Var>& pointers) {
  llvm::MDBuilder md(context);
  llvm::MDNode* domain = md.createAnonymousAliasScopeDomain("buffers");
  std::vector<llvm::Metadata*> scopes;
  for (ir::Var pointer : pointers) {
    scopes.push_back(
        md.createAnonymousAliasScope(domain, llvm::StringRef(pointer.name().data(), pointer.name().size())));
  }
  for (size_t i = 0; i < pointers.size(); ++i) {
    std::vector<llvm::Metadata*> others;
    for (size_t j = 0; j < scopes.size(); ++j) {
      if (j != i) others.push_back(scopes[j]);
    }
    alias[pointers[i].get()] = {llvm::MDNode::get(context, {scopes[i]}), llvm::MDNode::get(context, others)};
  }
}

llvm::Type* LlvmType(llvm::LLVMContext& context, ir::DataType dtype) {
  llvm::Type* element = nullptr;
  if (dtype.is_handle()) {
    return llvm::PointerType::get(context, 0);
  } else if (dtype.is_void()) {
    return llvm::Type::getVoidTy(context);
  } else if (dtype.is_float()) {
    element = dtype.bits == 64   ? llvm::Type::getDoubleTy(context)
              : dtype.bits == 32 ? llvm::Type::getFloatTy(context)
                                 : llvm::Type::getHalfTy(context);
  } else {
    element = llvm::Type::getIntNTy(context, dtype.bits);
  }
  return dtype.lanes == 1 ? element : llvm::FixedVectorType::get(element, std::abs(dtype.lanes));
}

}  // namespace hone::codegen
