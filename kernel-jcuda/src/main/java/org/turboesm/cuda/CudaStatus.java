package org.turboesm.cuda;

import java.util.Set;
import java.util.function.Supplier;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.turboesm.OutOfDeviceMemoryException;

/** Turns the driver's statuses into exceptions. */
final class CudaStatus {
  /** Statuses after which the driver answers every call of the context with an error. */
  private static final Set<Integer> CONTEXT_IS_LOST =
      Set.of(
          CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED,
          CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE,
          CUresult.CUDA_ERROR_UNKNOWN);

  private CudaStatus() {}

  /**
   * Checks the status of a call.
   *
   * @param call what was called, with what; asked for on failure only
   * @throws OutOfDeviceMemoryException if the device has no memory left
   * @throws CudaException for any other failure
   */
  static void check(int status, Supplier<String> call) {
    if (status == CUresult.CUDA_SUCCESS) {
      return;
    }
    String message = call.get() + " failed with " + describe(status);
    if (status == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new OutOfDeviceMemoryException(
          message + "; use smaller batches (--batch-tokens) or a smaller --precision");
    }
    if (isLost(status)) {
      throw new CudaException(
          message
              + "; the device's context is lost, so the model must be opened anew. Where that fails"
              + " too, this process (on Spark, the executor) must be restarted. nvidia-smi and the"
              + " kernel log may say more");
    }
    throw new CudaException(message);
  }

  static void check(int status, String call) {
    check(status, () -> call);
  }

  static boolean isLost(int status) {
    return CONTEXT_IS_LOST.contains(status);
  }

  static String describe(int status) {
    String[] text = new String[1];
    JCudaDriver.cuGetErrorString(status, text);
    return CUresult.stringFor(status) + (text[0] == null ? "" : " (" + text[0] + ")");
  }
}
