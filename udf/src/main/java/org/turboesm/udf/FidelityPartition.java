package org.turboesm.udf;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.calibration.Calibration;
import org.turboesm.engine.TurboEngine;
import org.turboesm.fidelity.AttentionFidelity;
import org.turboesm.fidelity.FidelityProbe;
import org.turboesm.fidelity.ProteinFidelity;

/**
 * Measures, for each protein of a partition, what the packed cache costs: a row a protein and mode,
 * of the modes that use one.
 */
public final class FidelityPartition implements MapPartitionsFunction<Row, Row> {
  private static final long serialVersionUID = 1L;

  private final EmbedSettings settings;
  private final Broadcast<Calibration> calibration;
  private final StructType input;
  private final StructType output;
  private final EmbedCounters counters;

  /**
   * @param settings its modes, {@code encode} passed over
   * @param input the proteins' columns, {@code id} and {@code sequence} among them
   * @param output the columns wanted: those of the measurement, {@code mode}, {@code
   *     prefix_tokens}, and any of the input's
   */
  public FidelityPartition(
      EmbedSettings settings,
      Broadcast<Calibration> calibration,
      StructType input,
      StructType output,
      EmbedCounters counters) {
    this.settings = settings;
    this.calibration = calibration;
    this.input = input;
    this.output = output;
    this.counters = counters;
  }

  @Override
  public Iterator<Row> call(Iterator<Row> proteins) {
    if (!proteins.hasNext()) {
      return Collections.emptyIterator();
    }
    List<Row> rows = new ArrayList<>();
    try (Lease<ResidentModel> model = EngineHolder.lease(settings.engine(), settings.modelHash());
        Lease<TurboEngine> turbo = model.value().turbo(calibration.getValue())) {
      FidelityProbe probe =
          new FidelityProbe(
              model.value().engine(),
              turbo.value(),
              calibration.getValue().codec(),
              model.value().outputGrams());
      ProteinBatches batches =
          new ProteinBatches(proteins, input.fieldIndex("sequence"), settings.batchTokens());
      while (batches.hasNext()) {
        batches.runNext(model.value().engine(), batch -> measure(probe, batch, rows), this::refuse);
      }
    }
    return rows.iterator();
  }

  private void refuse(Row protein, OutOfDeviceMemoryException refused) {
    throw UnfitProtein.error(
        String.valueOf(protein.get(input.fieldIndex("id"))),
        protein.getString(input.fieldIndex("sequence")).length(),
        "to measure fidelity on",
        "take it out of the input or change the sample (--fidelity-sample)",
        refused);
  }

  /** Adds the rows of all modes and counts their passes, or neither. */
  private void measure(FidelityProbe probe, ProteinBatch batch, List<Row> rows) {
    List<Row> measuredRows = new ArrayList<>();
    int passes = 0;
    for (Mode mode : settings.modes()) {
      if (!mode.needsCalibration()) {
        continue;
      }
      List<ProteinFidelity> measured =
          mode == Mode.TURBO
              ? probe.turbo(batch.tokens())
              : probe.decode(batch.tokens(), settings.prefill());
      for (int s = 0; s < measured.size(); s++) {
        int prefix = mode == Mode.DECODE ? settings.prefill().tokens(batch.tokens().length(s)) : 0;
        measuredRows.add(row(batch.rows().get(s), mode, prefix, measured.get(s)));
      }
      passes++;
    }
    rows.addAll(measuredRows);
    counters.passes().add((long) passes * batch.rows().size());
    counters.tokens().add((long) passes * batch.tokens().size());
  }

  private Row row(Row protein, Mode mode, int prefixTokens, ProteinFidelity fidelity) {
    Map<String, Object> values = new HashMap<>();
    for (String column : input.fieldNames()) {
      values.put(column, protein.get(input.fieldIndex(column)));
    }
    values.put("mode", mode.label());
    values.put("prefix_tokens", prefixTokens);
    putAttention(values, "", fidelity.attention());
    values.put("head_nmse", fidelity.headNmse());
    putAttention(values, "accumulated_", fidelity.accumulated());
    values.put("hidden_cosine_mean", fidelity.hiddenCosineMean());
    values.put("hidden_cosine_p1", fidelity.hiddenCosineP1());
    values.put("hidden_cosine_min", fidelity.hiddenCosineMin());
    values.put("hidden_nmse", fidelity.hiddenNmse());
    values.put("position_tokens", fidelity.positions().tokens());
    values.put("position_cosine", fidelity.positions().cosineMean());
    values.put("embedding_cosine", fidelity.embeddingCosine());
    values.put("embedding_nmse", fidelity.embeddingNmse());
    values.put("kl", fidelity.kl());
    values.put("top1_agreement", fidelity.top1Agreement());
    values.put("pseudo_perplexity", fidelity.pseudoPerplexity());
    values.put("reference_pseudo_perplexity", fidelity.referencePseudoPerplexity());
    values.put("kv_bytes_fp32", fidelity.kvBytesFp32());
    values.put("kv_bytes_fp16", fidelity.kvBytesFp16());
    values.put("kv_bytes_packed", fidelity.kvBytesPacked());
    String[] columns = output.fieldNames();
    Object[] row = new Object[columns.length];
    for (int c = 0; c < row.length; c++) {
      if (!values.containsKey(columns[c])) {
        throw new IllegalArgumentException("a fidelity row has no column " + columns[c]);
      }
      row[c] = values.get(columns[c]);
    }
    return RowFactory.create(row);
  }

  private static void putAttention(
      Map<String, Object> values, String prefix, AttentionFidelity attention) {
    values.put(prefix + "attention_cosine_mean", attention.cosineMean());
    values.put(prefix + "attention_cosine_p1", attention.cosineP1());
    values.put(prefix + "attention_cosine_min", attention.cosineMin());
    values.put(prefix + "attention_nmse", attention.nmse());
  }
}
