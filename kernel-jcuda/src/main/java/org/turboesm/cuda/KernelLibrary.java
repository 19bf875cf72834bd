package org.turboesm.cuda;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The kernels of one context: compiled for its device, or taken from the cache, and loaded. */
public final class KernelLibrary implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(KernelLibrary.class);

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
    String key = CubinCache.key(source, options, compiler.version());
    return cache
        .find(key)
        .flatMap(kept -> load(variant.file(), kept))
        .orElseGet(() -> compile(compiler, source, options, key));
  }

  /** What is loaded. */
  public Set<KernelVariant> variants() {
    return Set.copyOf(modules.keySet());
  }

  /** Kept kernels, or nothing where the driver refuses them: it may be older than they are. */
  private Optional<KernelModule> load(String file, CompiledKernels kept) {
    try {
      return Optional.of(new KernelModule(context, file, kept));
    } catch (CudaException e) {
      if (!context.healthy()) {
        throw e;
      }
      LOG.info("kernels that were kept are compiled anew: {}", e.getMessage());
      return Optional.empty();
    }
  }

  private KernelModule compile(
      KernelCompiler compiler, KernelSource source, List<String> options, String key) {
    CompiledKernels compiled = compiler.compile(source, options).kernels();
    KernelModule module = new KernelModule(context, source.file(), compiled);
    cache.keep(key, compiled);
    return module;
  }

  @Override
  public void close() {
    modules.values().forEach(KernelModule::close);
    modules.clear();
  }
}
