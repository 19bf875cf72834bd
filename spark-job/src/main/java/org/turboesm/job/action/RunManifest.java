package org.turboesm.job.action;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.turboesm.engine.Prefill;
import org.turboesm.job.commit.BuildVersion;
import org.turboesm.job.commit.FidelitySummary;
import org.turboesm.job.commit.Manifest;
import org.turboesm.job.commit.OutputFile;
import org.turboesm.job.progress.Phases;
import org.turboesm.job.source.InputFile;
import org.turboesm.kv.RangeCounts;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModeStatistics;
import org.turboesm.udf.ModelIdentity;

/** Puts a run's manifest together. */
public final class RunManifest {
  private RunManifest() {}

  static Manifest of(
      SparkSession spark,
      RunSettings settings,
      ModelIdentity model,
      Manifest.Calibrated calibration,
      Ingested ingested,
      Manifest.Counts counts,
      Phases phases,
      Map<Mode, ModeStatistics> statistics,
      Map<String, FidelitySummary> fidelity,
      List<OutputFile> files) {
    Map<String, Manifest.Throughput> throughput = new LinkedHashMap<>();
    Map<String, Manifest.CacheBytes> cache = new LinkedHashMap<>();
    Map<String, Manifest.CalibratedRange> range = new LinkedHashMap<>();
    statistics.forEach(
        (mode, of) -> {
          throughput.put(
              mode.label(),
              new Manifest.Throughput(of.proteins(), of.tokens(), of.nanoseconds() / 1e9));
          if (mode.needsCalibration()) {
            cache.put(
                mode.label(),
                new Manifest.CacheBytes(of.kvBytesFp32(), of.kvBytesFp16(), of.kvBytesPacked()));
            of.range()
                .worst()
                .ifPresent(
                    worst ->
                        range.put(mode.label(), range(of.range(), worst, calibration.tokens())));
          }
        });
    long tokens = statistics.values().stream().mapToLong(ModeStatistics::tokens).sum();
    double seconds = phases.seconds(Mode.labels(settings.modes(), "+"));
    return new Manifest(
        Manifest.FORMAT,
        Manifest.VERSION,
        versions(spark),
        settings(settings),
        model(model),
        input(ingested),
        calibration,
        counts,
        phases.finished(),
        tokens / Math.max(seconds, 1e-3),
        throughput,
        cache,
        range,
        fidelity,
        files);
  }

  /**
   * The manifest of a fidelity sweep, which embeds nothing.
   *
   * @param settings by the names of the command line's options
   */
  public static Manifest ofSweep(
      SparkSession spark,
      Map<String, Object> settings,
      ModelIdentity model,
      Ingested ingested,
      Phases phases,
      List<OutputFile> files) {
    return new Manifest(
        Manifest.FORMAT,
        Manifest.VERSION,
        versions(spark),
        settings,
        model(model),
        input(ingested),
        null,
        null,
        phases.finished(),
        null,
        null,
        null,
        null,
        null,
        files);
  }

  private static Manifest.CalibratedRange range(
      RangeCounts counts, RangeCounts.Worst worst, long calibrationTokens) {
    return new Manifest.CalibratedRange(
        counts.lookedAt(),
        counts.outside(),
        counts.share(),
        RangeCounts.expectedShare(calibrationTokens),
        new Manifest.WorstHead(worst.layer(), worst.head(), worst.share()),
        counts.alarm(calibrationTokens));
  }

  private static Manifest.Versions versions(SparkSession spark) {
    return new Manifest.Versions(
        BuildVersion.current(),
        spark.version(),
        System.getProperty("java.version"),
        spark.sparkContext().master());
  }

  private static Manifest.Model model(ModelIdentity model) {
    return new Manifest.Model(
        model.name(),
        model.hash(),
        model.config().layers(),
        model.config().hiddenSize(),
        model.config().heads());
  }

  private static Manifest.Input input(Ingested ingested) {
    return new Manifest.Input(
        ingested.files().stream().map(InputFile::path).toList(), ingested.inputHash());
  }

  /** By the names of the command line's options. */
  private static Map<String, Object> settings(RunSettings settings) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("input", settings.inputs());
    map.put("model", settings.engine().model());
    map.put("engine", settings.engine().engine());
    map.put("precision", settings.engine().precision());
    map.put("modes", settings.modes().stream().map(Mode::label).toList());
    map.put("cls", settings.embedding().cls());
    map.put("residue", settings.embedding().residues());
    map.put("layers", settings.embedding().layers());
    map.put("batch_tokens", settings.embedding().batchTokens());
    if (settings.needsCalibration()) {
      Prefill prefill = settings.embedding().prefill();
      map.put("prefill", prefill.count() > 0 ? prefill.count() : prefill.fraction());
      if (settings.calibration().file() == null) {
        map.put("codec", settings.calibration().codec().codec());
        map.put("key_bits", settings.calibration().codec().keyBits());
        map.put("value_bits", settings.calibration().codec().valueBits());
        map.put("allotment", settings.calibration().codec().allotment().label());
        map.put("calibration_proteins", settings.calibration().proteins());
      } else {
        map.put("calibration", settings.calibration().file());
      }
      map.put(
          "fidelity_sample",
          settings.fidelitySample() == RunSettings.ALL ? "all" : settings.fidelitySample());
    }
    return map;
  }
}
