package org.turboesm.cuda;

import java.util.Arrays;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** A kernel that can be launched. Threads may share it once its shared memory is granted. */
public final class Kernel {
  private final CudaContext context;
  private final KernelSignature signature;
  private final CUfunction function;
  private int grantedSharedBytes;

  Kernel(CudaContext context, KernelSignature signature, CUfunction function) {
    this.context = context;
    this.signature = signature;
    this.function = function;
  }

  /**
   * Lets its blocks have more dynamic shared memory than the 48 KiB that all have. What was granted
   * before is not taken back: others launch the same kernel.
   *
   * @throws CudaException if the device has not so much
   */
  public synchronized Kernel grantSharedBytes(int bytes) {
    if (bytes <= grantedSharedBytes) {
      return this;
    }
    context.check(
        JCudaDriver.cuFuncSetAttribute(
            function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
        () ->
            "granting kernel "
                + signature.name()
                + " "
                + bytes
                + " bytes of shared memory (the device has "
                + context.device().sharedBytesPerBlock()
                + " a block)");
    grantedSharedBytes = bytes;
    return this;
  }

  /**
   * Queues a launch.
   *
   * @param arguments pointers ({@link DevicePointer}, or null), and numbers (Integer, Long, Float),
   *     as the kernel's parameters
   * @throws IllegalArgumentException if they are not as many or not of their types
   */
  public void launch(CudaStream stream, LaunchConfig config, Object... arguments) {
    signature.check(arguments);
    NativePointerObject[] values = new NativePointerObject[arguments.length];
    for (int i = 0; i < arguments.length; i++) {
      values[i] = valueOf(arguments[i]);
    }
    context.check(
        JCudaDriver.cuLaunchKernel(
            function,
            config.gridX(),
            config.gridY(),
            config.gridZ(),
            config.threads(),
            1,
            1,
            config.sharedBytes(),
            stream.handle(),
            Pointer.to(values),
            null),
        () ->
            "launching kernel "
                + signature.name()
                + " with "
                + config
                + " and arguments "
                + Arrays.toString(arguments));
  }

  private static Pointer valueOf(Object argument) {
    if (argument == null) {
      return Pointer.to(new long[] {0});
    }
    if (argument instanceof DevicePointer pointer) {
      return Pointer.to(pointer.handle());
    }
    if (argument instanceof Integer value) {
      return Pointer.to(new int[] {value});
    }
    if (argument instanceof Float value) {
      return Pointer.to(new float[] {value});
    }
    return Pointer.to(new long[] {(Long) argument});
  }
}
