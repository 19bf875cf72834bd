package org.turboesm.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The kernels of one context: compiled for its device, or taken from the cache, and loaded. */
public final class KernelLibrary implements AutoCloseable {
  private final CudaContext context;
  private final CubinCache cache;
  private final int architecture;
  private final List<KernelModule> modules = new ArrayList<>();

  /**
   * A library without kernels yet; the context stays the caller's.
   *
   * @throws CudaException if NVRTC is missing or older than the device
   */
  public KernelLibrary(CudaContext context) {
    this(context, CubinCache.ofThisUser());
  }

  KernelLibrary(CudaContext context, CubinCache cache) {
    this.context = context;
    this.cache = cache;
    KernelCompiler compiler = KernelCompiler.get();
    compiler
        .unavailable()
        .ifPresent(
            reason -> {
              throw new CudaException(reason);
            });
    this.architecture = compiler.architectureFor(context.device());
  }

  /**
   * Loads the kernels of a file of the class path's folder {@code cuda}.
   *
   * @param defines macros and their values
   */
  public KernelModule compile(String file, Map<String, Integer> defines) {
    KernelSource source = KernelSource.read(file);
    List<String> options = KernelCompiler.options(architecture, defines);
    KernelCompiler compiler = KernelCompiler.get();
    CompiledKernels compiled =
        cache.get(
            CubinCache.key(source, options, compiler.version()),
            () -> compiler.compile(source, options).kernels());
    KernelModule module = new KernelModule(context, file, compiled);
    modules.add(module);
    return module;
  }

  @Override
  public void close() {
    modules.forEach(KernelModule::close);
    modules.clear();
  }
}
