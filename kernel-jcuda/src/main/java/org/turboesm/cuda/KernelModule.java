package org.turboesm.cuda;

import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** One kernel file, loaded. */
public final class KernelModule implements AutoCloseable {
  private final CudaContext context;
  private final String file;
  private final CompiledKernels compiled;
  private final CUmodule handle = new CUmodule();
  private final AtomicBoolean closed = new AtomicBoolean();

  KernelModule(CudaContext context, String file, CompiledKernels compiled) {
    this.context = context;
    this.file = file;
    this.compiled = compiled;
    context.check(
        JCudaDriver.cuModuleLoadData(handle, compiled.cubin()),
        () -> "loading the kernels of " + file + " on " + context.device().describe());
  }

  /**
   * One kernel of the file.
   *
   * @throws IllegalArgumentException if the file has none of that name
   */
  public Kernel kernel(String name) {
    KernelSignature signature =
        compiled.signatures().stream()
            .filter(candidate -> candidate.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        file
                            + " has no kernel "
                            + name
                            + " but "
                            + compiled.signatures().stream().map(KernelSignature::name).toList()));
    CUfunction function = new CUfunction();
    context.check(
        JCudaDriver.cuModuleGetFunction(function, handle, name),
        () -> "cuModuleGetFunction of " + name + " in " + file);
    return new Kernel(context, signature, function);
  }

  /** A global variable of the file. */
  public DevicePointer global(String name) {
    CUdeviceptr address = new CUdeviceptr();
    long[] bytes = new long[1];
    context.check(
        JCudaDriver.cuModuleGetGlobal(address, bytes, handle, name),
        () -> "cuModuleGetGlobal of " + name + " in " + file);
    return new DeviceRange(address, bytes[0]);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      int status = JCudaDriver.cuModuleUnload(handle);
      if (context.healthy()) {
        context.check(status, () -> "cuModuleUnload of " + file);
      }
    }
  }
}
