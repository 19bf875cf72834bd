package org.turboesm.cuda;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The kernels of one context: compiled for its device, or taken from the cache, and loaded. */
public final class KernelLibrary implements AutoCloseable {
  private final CudaContext context;
  private final CubinCache cache;
  private final int architecture;
  private final Map<KernelVariant, KernelModule> modules = new LinkedHashMap<>();

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

  /** Loads a variant; one that is loaded already is shared. */
  public KernelModule compile(KernelVariant variant) {
    return modules.computeIfAbsent(variant, this::load);
  }

  private KernelModule load(KernelVariant variant) {
    KernelSource source = KernelSource.read(variant.file());
    List<String> options = KernelCompiler.options(architecture, variant.defines());
    KernelCompiler compiler = KernelCompiler.get();
    CompiledKernels compiled =
        cache.get(
            CubinCache.key(source, options, compiler.version()),
            () -> compiler.compile(source, options).kernels());
    return new KernelModule(context, variant.file(), compiled);
  }

  /** What is loaded. */
  public Set<KernelVariant> variants() {
    return Set.copyOf(modules.keySet());
  }

  @Override
  public void close() {
    modules.values().forEach(KernelModule::close);
    modules.clear();
  }
}
