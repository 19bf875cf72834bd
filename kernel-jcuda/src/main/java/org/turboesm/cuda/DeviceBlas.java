package org.turboesm.cuda;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.turboesm.OutOfDeviceMemoryException;

/**
 * cuBLAS on one stream, with memory of its own to work in, so that it allocates nothing and can be
 * captured in graphs. Used by one thread at a time.
 */
public final class DeviceBlas implements AutoCloseable {
  private static final String LIBRARY = "libcublas.so.12";

  /** What NVIDIA's documentation of cublasSetWorkspace advises for Hopper. */
  public static final long WORKSPACE_BYTES = 32L << 20;

  private static final Pointer ONE_FLOAT = Pointer.to(new float[] {1});
  private static final Pointer ZERO_FLOAT = Pointer.to(new float[] {0});
  private static final Pointer ONE_INT = Pointer.to(new int[] {1});
  private static final Pointer ZERO_INT = Pointer.to(new int[] {0});

  /** Number formats of a product: of both its factors, of its result, and of its sums. */
  public enum Format {
    /** Floats, summed as floats. */
    F32(
        cudaDataType.CUDA_R_32F,
        cudaDataType.CUDA_R_32F,
        cublasComputeType.CUBLAS_COMPUTE_32F,
        ONE_FLOAT,
        ZERO_FLOAT),
    /** Floats, rounded to TF32 (10 bits of mantissa) before they are multiplied. */
    TF32(
        cudaDataType.CUDA_R_32F,
        cudaDataType.CUDA_R_32F,
        cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32,
        ONE_FLOAT,
        ZERO_FLOAT),
    /** bfloat16 in and out, summed as floats. */
    BF16(
        cudaDataType.CUDA_R_16BF,
        cudaDataType.CUDA_R_16BF,
        cublasComputeType.CUBLAS_COMPUTE_32F,
        ONE_FLOAT,
        ZERO_FLOAT),
    /** Bytes in, ints out: inputs and outputs must be multiples of four. */
    INT8(
        cudaDataType.CUDA_R_8I,
        cudaDataType.CUDA_R_32I,
        cublasComputeType.CUBLAS_COMPUTE_32I,
        ONE_INT,
        ZERO_INT);

    private final int factor;
    private final int result;
    private final int compute;
    private final Pointer one;
    private final Pointer zero;

    Format(int factor, int result, int compute, Pointer one, Pointer zero) {
      this.factor = factor;
      this.result = result;
      this.compute = compute;
      this.one = one;
      this.zero = zero;
    }
  }

  private static final class Holder {
    static final Optional<String> UNAVAILABLE = load();
  }

  private final cublasHandle handle = new cublasHandle();
  private final CudaContext context;
  private final DeviceBuffer workspace;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * @throws CudaException if cuBLAS is missing or does not start
   * @throws OutOfDeviceMemoryException then nothing stays
   */
  public DeviceBlas(CudaStream stream) {
    unavailable()
        .ifPresent(
            reason -> {
              throw new CudaException(reason);
            });
    context = stream.context();
    workspace = DeviceBuffer.allocate(context, WORKSPACE_BYTES, "cuBLAS's workspace");
    try {
      check(JCublas2.cublasCreate(handle), "cublasCreate");
    } catch (RuntimeException e) {
      workspace.close();
      throw e;
    }
    try {
      check(JCublas2.cublasSetStream(handle, new cudaStream_t(stream.handle())), "cublasSetStream");
      check(
          JCublas2.cublasSetWorkspace(handle, workspace.handle(), WORKSPACE_BYTES),
          "cublasSetWorkspace");
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Why cuBLAS cannot be used here and what to do about it, or empty. */
  public static Optional<String> unavailable() {
    return Holder.UNAVAILABLE;
  }

  private static Optional<String> load() {
    Optional<String> missing =
        NativeLibraries.load(
            LIBRARY,
            "it comes with the CUDA 12 toolkit and with Python's package nvidia-cublas-cu12");
    if (missing.isEmpty()) {
      try {
        JCublas2.setExceptionsEnabled(false);
      } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
        missing = Optional.of("JCuda's native library cannot be loaded: " + e.getMessage());
      }
    }
    return missing.map(reason -> "matrices cannot be multiplied: " + reason);
  }

  /**
   * Queues products = x W^T.
   *
   * @param weights [outputs, inputs]
   * @param x [rows, inputs]
   * @param products [rows, stride], of which the first {@code outputs} of each row are overwritten
   * @param stride elements from one row of products to the next
   */
  public void multiply(
      Format format,
      DevicePointer weights,
      DevicePointer x,
      int rows,
      int inputs,
      int outputs,
      DevicePointer products,
      int stride) {
    // cuBLAS's matrices are column-major, so that a row-major one is its own transpose there.
    int status =
        JCublas2.cublasGemmEx_new(
            handle,
            cublasOperation.CUBLAS_OP_T,
            cublasOperation.CUBLAS_OP_N,
            outputs,
            rows,
            inputs,
            format.one,
            weights.handle(),
            format.factor,
            inputs,
            x.handle(),
            format.factor,
            inputs,
            format.zero,
            products.handle(),
            format.result,
            stride,
            format.compute,
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    check(
        status,
        () ->
            "a product of "
                + rows
                + " rows, "
                + inputs
                + " inputs and "
                + outputs
                + " outputs in "
                + format);
  }

  private void check(int status, String call) {
    check(status, () -> call);
  }

  private void check(int status, Supplier<String> call) {
    if (status == cublasStatus.CUBLAS_STATUS_SUCCESS) {
      return;
    }
    String message = call.get() + " failed with " + cublasStatus.stringFor(status);
    if (status == cublasStatus.CUBLAS_STATUS_ALLOC_FAILED) {
      throw new OutOfDeviceMemoryException(message);
    }
    try {
      // cuBLAS says what it was doing, the driver why that failed and whether the context is lost.
      context.synchronize();
    } catch (CudaException e) {
      throw new CudaException(message + ": " + e.getMessage(), e);
    }
    throw new CudaException(message);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      JCublas2.cublasDestroy(handle);
      workspace.close();
    }
  }
}
