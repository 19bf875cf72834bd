// cuBLAS as far as the engine uses it: handles and the two GEMMs with types as arguments.
#include <memory>

#include "driver_services.h"
#include "gemm.h"
#include "handles.h"
#include "planned_failures.h"
#include "report.h"

namespace turboesm_emulator {

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_INTERNAL_ERROR = 14,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
};

constexpr int CUBLAS_OP_N = 0;
constexpr int CUBLAS_OP_C = 2;
constexpr int CUBLAS_POINTER_MODE_DEVICE = 1;
constexpr int CUBLAS_TF32_TENSOR_OP_MATH = 3;
constexpr int CUBLAS_COMPUTE_32F = 68;
constexpr int CUBLAS_COMPUTE_32F_PEDANTIC = 69;
constexpr int CUBLAS_COMPUTE_32I = 72;
constexpr int CUBLAS_COMPUTE_32I_PEDANTIC = 73;
constexpr int CUBLAS_COMPUTE_32F_FAST_TF32 = 77;

struct BlasHandle {
  CUstream stream = nullptr;
  int math_mode = 0;
  int pointer_mode = 0;
};

namespace {

Handles<BlasHandle>& handles() {
  static auto* instance = new Handles<BlasHandle>();
  return *instance;
}

cublasStatus_t enter(const char* function, BlasHandle* handle) {
  int planned = turboesm_emulator_planned_failure(function);
  if (planned != 0) {
    return static_cast<cublasStatus_t>(planned);
  }
  return handles().contains(handle) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

// A matrix of a batch: element 0 of each at `stride` elements from the one before.
struct Operand {
  const char* name;
  const void* data;
  int64_t rows;
  int64_t columns;
  int64_t leading;
  int64_t stride;
  ElementType type;
};

bool holds(const char* function, const Operand& operand, int64_t batches) {
  if (operand.rows == 0 || operand.columns == 0) {
    return true;
  }
  int64_t elements = (operand.columns - 1) * operand.leading + operand.rows;
  int64_t bytes = (elements + (batches - 1) * operand.stride) * bytes_of(operand.type);
  if (turboesm_emulator_holds(reinterpret_cast<CUdeviceptr>(operand.data),
                              static_cast<size_t>(bytes))) {
    return true;
  }
  report(
      "%s: %s [%lld, %lld], leading dimension %lld, %lld matrices, is not inside of an "
      "allocation of this context's device",
      function, operand.name, static_cast<long long>(operand.rows),
      static_cast<long long>(operand.columns), static_cast<long long>(operand.leading),
      static_cast<long long>(batches));
  return false;
}

// Which types go together, as cuBLAS's table for cublasGemmEx has it, of those that are emulated.
bool is_supported(int compute_type, ElementType input, ElementType output) {
  switch (compute_type) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      return (input == ElementType::FLOAT32 && output == ElementType::FLOAT32) ||
             (input == ElementType::BFLOAT16 &&
              (output == ElementType::BFLOAT16 || output == ElementType::FLOAT32));
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      return input == ElementType::FLOAT32 && output == ElementType::FLOAT32;
    case CUBLAS_COMPUTE_32I:
    case CUBLAS_COMPUTE_32I_PEDANTIC:
      return input == ElementType::INT8 && output == ElementType::INT32;
    default:
      return false;
  }
}

template <typename Scale>
void multiply_batch(const Gemm& first, int64_t stride_a, int64_t stride_b, int64_t stride_c,
                    int64_t batches, Scale alpha, Scale beta) {
  for (int64_t i = 0; i < batches; i++) {
    Gemm gemm = first;
    gemm.a = static_cast<const char*>(first.a) + i * stride_a * bytes_of(first.input_type);
    gemm.b = static_cast<const char*>(first.b) + i * stride_b * bytes_of(first.input_type);
    gemm.c = static_cast<char*>(first.c) + i * stride_c * bytes_of(first.output_type);
    multiply(gemm, alpha, beta);
  }
}

cublasStatus_t multiply(const char* function, BlasHandle* handle, int operation_a, int operation_b,
                        int m, int n, int k, const void* alpha, const void* a, int a_type, int lda,
                        int64_t stride_a, const void* b, int b_type, int ldb, int64_t stride_b,
                        const void* beta, void* c, int c_type, int ldc, int64_t stride_c,
                        int batches, int compute_type) {
  cublasStatus_t status = enter(function, handle);
  if (status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  bool transpose_a = operation_a != CUBLAS_OP_N;
  bool transpose_b = operation_b != CUBLAS_OP_N;
  Operand operand_a = {"A",
                       a,
                       transpose_a ? k : m,
                       transpose_a ? m : k,
                       lda,
                       stride_a,
                       static_cast<ElementType>(a_type)};
  Operand operand_b = {"B",
                       b,
                       transpose_b ? n : k,
                       transpose_b ? k : n,
                       ldb,
                       stride_b,
                       static_cast<ElementType>(b_type)};
  Operand operand_c = {"C", c, m, n, ldc, stride_c, static_cast<ElementType>(c_type)};
  if (m < 0 || n < 0 || k < 0 || batches < 0 || operation_a < 0 || operation_a > CUBLAS_OP_C ||
      operation_b < 0 || operation_b > CUBLAS_OP_C || alpha == nullptr || beta == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  for (const Operand* operand : {&operand_a, &operand_b, &operand_c}) {
    if (operand->leading < std::max<int64_t>(1, operand->rows)) {
      report("%s: the leading dimension %lld of %s is less than its %lld rows", function,
             static_cast<long long>(operand->leading), operand->name,
             static_cast<long long>(operand->rows));
      return CUBLAS_STATUS_INVALID_VALUE;
    }
  }
  if (a_type != b_type || !is_supported(compute_type, operand_a.type, operand_c.type)) {
    report("%s: types %d, %d to %d with compute type %d are not supported", function, a_type,
           b_type, c_type, compute_type);
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  bool integer = operand_a.type == ElementType::INT8;
  if (integer && (m % 4 != 0 || k % 4 != 0 || lda % 4 != 0 || ldb % 4 != 0)) {
    report("%s: int8 needs multiples of 4: m %d, k %d, lda %d, ldb %d", function, m, k, lda, ldb);
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (m == 0 || n == 0 || batches == 0) {
    return CUBLAS_STATUS_SUCCESS;
  }
  if (!holds(function, operand_a, batches) || !holds(function, operand_b, batches) ||
      !holds(function, operand_c, batches)) {
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  Gemm gemm = {
      transpose_a,
      transpose_b,
      m,
      n,
      k,
      operand_a.type,
      operand_c.type,
      compute_type == CUBLAS_COMPUTE_32F_FAST_TF32 ||
          (compute_type == CUBLAS_COMPUTE_32F && handle->math_mode == CUBLAS_TF32_TENSOR_OP_MATH),
      a,
      lda,
      b,
      ldb,
      c,
      ldc};
  // Scales of the host are read now, those of the device when the product runs.
  bool scales_on_device = handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE;
  float float_scales[2] = {};
  int int_scales[2] = {};
  if (!scales_on_device) {
    if (integer) {
      int_scales[0] = *static_cast<const int*>(alpha);
      int_scales[1] = *static_cast<const int*>(beta);
    } else {
      float_scales[0] = *static_cast<const float*>(alpha);
      float_scales[1] = *static_cast<const float*>(beta);
    }
  }
  float float_alpha = float_scales[0];
  float float_beta = float_scales[1];
  int int_alpha = int_scales[0];
  int int_beta = int_scales[1];
  CUresult submitted = turboesm_emulator_submit(function, handle->stream, [=] {
    if (integer) {
      multiply_batch(gemm, stride_a, stride_b, stride_c, batches,
                     scales_on_device ? *static_cast<const int*>(alpha) : int_alpha,
                     scales_on_device ? *static_cast<const int*>(beta) : int_beta);
    } else {
      multiply_batch(gemm, stride_a, stride_b, stride_c, batches,
                     scales_on_device ? *static_cast<const float*>(alpha) : float_alpha,
                     scales_on_device ? *static_cast<const float*>(beta) : float_beta);
    }
    return CUDA_SUCCESS;
  });
  return submitted == CUDA_SUCCESS ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // namespace

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API cublasStatus_t cublasCreate_v2(BlasHandle** handle) {
  int planned = turboesm_emulator_planned_failure("cublasCreate");
  if (planned != 0) {
    return static_cast<cublasStatus_t>(planned);
  }
  // A handle belongs to a context.
  if (turboesm_emulator_submit("cublasCreate, in the driver", nullptr,
                               [] { return CUDA_SUCCESS; }) != CUDA_SUCCESS) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  *handle = handles().add(std::make_unique<BlasHandle>());
  return CUBLAS_STATUS_SUCCESS;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasDestroy_v2(BlasHandle* handle) {
  return handles().remove(handle) == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED
                                             : CUBLAS_STATUS_SUCCESS;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasGetVersion_v2(BlasHandle*, int* version) {
  *version = 120601;
  return CUBLAS_STATUS_SUCCESS;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasSetStream_v2(BlasHandle* handle, CUstream stream) {
  cublasStatus_t status = enter("cublasSetStream", handle);
  if (status == CUBLAS_STATUS_SUCCESS) {
    handle->stream = stream;
  }
  return status;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasGetStream_v2(BlasHandle* handle, CUstream* stream) {
  cublasStatus_t status = enter("cublasGetStream", handle);
  if (status == CUBLAS_STATUS_SUCCESS) {
    *stream = handle->stream;
  }
  return status;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasSetWorkspace_v2(BlasHandle* handle, void* workspace,
                                                           size_t bytes) {
  cublasStatus_t status = enter("cublasSetWorkspace", handle);
  if (status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  auto address = reinterpret_cast<CUdeviceptr>(workspace);
  if (address % 256 != 0 || (bytes != 0 && !turboesm_emulator_holds(address, bytes))) {
    report("cublasSetWorkspace: %zu bytes at %p are no device memory at a multiple of 256", bytes,
           workspace);
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasSetMathMode(BlasHandle* handle, int mode) {
  cublasStatus_t status = enter("cublasSetMathMode", handle);
  if (status == CUBLAS_STATUS_SUCCESS) {
    handle->math_mode = mode;
  }
  return status;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasGetMathMode(BlasHandle* handle, int* mode) {
  cublasStatus_t status = enter("cublasGetMathMode", handle);
  if (status == CUBLAS_STATUS_SUCCESS) {
    *mode = handle->math_mode;
  }
  return status;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasSetPointerMode_v2(BlasHandle* handle, int mode) {
  cublasStatus_t status = enter("cublasSetPointerMode", handle);
  if (status == CUBLAS_STATUS_SUCCESS) {
    handle->pointer_mode = mode;
  }
  return status;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasGetPointerMode_v2(BlasHandle* handle, int* mode) {
  cublasStatus_t status = enter("cublasGetPointerMode", handle);
  if (status == CUBLAS_STATUS_SUCCESS) {
    *mode = handle->pointer_mode;
  }
  return status;
}

TURBOESM_EMULATOR_API cublasStatus_t cublasGemmEx(BlasHandle* handle, int operation_a,
                                                  int operation_b, int m, int n, int k,
                                                  const void* alpha, const void* a, int a_type,
                                                  int lda, const void* b, int b_type, int ldb,
                                                  const void* beta, void* c, int c_type, int ldc,
                                                  int compute_type, int) {
  return multiply("cublasGemmEx", handle, operation_a, operation_b, m, n, k, alpha, a, a_type, lda,
                  0, b, b_type, ldb, 0, beta, c, c_type, ldc, 0, 1, compute_type);
}

TURBOESM_EMULATOR_API cublasStatus_t cublasGemmStridedBatchedEx(
    BlasHandle* handle, int operation_a, int operation_b, int m, int n, int k, const void* alpha,
    const void* a, int a_type, int lda, long long stride_a, const void* b, int b_type, int ldb,
    long long stride_b, const void* beta, void* c, int c_type, int ldc, long long stride_c,
    int batches, int compute_type, int) {
  return multiply("cublasGemmStridedBatchedEx", handle, operation_a, operation_b, m, n, k, alpha, a,
                  a_type, lda, stride_a, b, b_type, ldb, stride_b, beta, c, c_type, ldc, stride_c,
                  batches, compute_type);
}
