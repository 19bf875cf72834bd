package org.turboesm.engine.cuda;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.turboesm.TurboEsmException;
import org.turboesm.cuda.CudaDevice;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.cuda.DeviceBlas;
import org.turboesm.cuda.KernelCompiler;
import org.turboesm.engine.EngineCapabilities;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmWeights;

/** The engine for NVIDIA's GPUs. Loads nothing until it is asked. */
public final class CudaEngineProvider implements EsmEngineProvider {

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int rank() {
    return 100;
  }

  @Override
  public Optional<String> unavailable() {
    return Stream.<java.util.function.Supplier<Optional<String>>>of(
            () -> CudaDriver.get().unavailable(),
            () -> KernelCompiler.get().unavailable(),
            DeviceBlas::unavailable)
        .map(java.util.function.Supplier::get)
        .flatMap(Optional::stream)
        .findFirst();
  }

  @Override
  public List<Precision> precisions() {
    return unavailable().isPresent()
        ? List.of()
        : List.of(Precision.BF16, Precision.INT8, Precision.TF32, Precision.F32);
  }

  @Override
  public String description() {
    if (unavailable().isPresent()) {
      return "NVIDIA GPUs through the CUDA driver";
    }
    return String.join(
        ", ", CudaDriver.get().devices().stream().map(CudaDevice::describe).toList());
  }

  @Override
  public boolean deviceExists() {
    return CudaDriver.get().unavailable().isEmpty();
  }

  @Override
  public boolean usesDevice() {
    return true;
  }

  @Override
  public EsmEngine open(EsmWeights weights, Precision precision, int ordinal) {
    unavailable()
        .ifPresent(
            reason -> {
              throw new TurboEsmException("engine " + name() + " cannot run here: " + reason);
            });
    CudaDevice device = CudaDriver.get().device(ordinal);
    return new CudaEngine(
        weights, device, precision, new EngineCapabilities(name(), precision, device.describe()));
  }
}
