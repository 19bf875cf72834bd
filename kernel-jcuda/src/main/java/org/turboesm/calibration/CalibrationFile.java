package org.turboesm.calibration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.avro.AvroParquetReader;
import org.apache.parquet.avro.AvroParquetWriter;
import org.apache.parquet.hadoop.ParquetFileWriter;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.hadoop.util.HadoopOutputFile;
import org.turboesm.TurboEsmException;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.ChannelRange;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

/**
 * The artefact's Parquet form: a row a layer and head. What holds for the whole model stands in
 * every row, where the dictionary encoding makes it free and a query finds it.
 */
final class CalibrationFile {
  /** Raised whenever a reader of the version before would misread the file. */
  static final int FORMAT_VERSION = 2;

  private static final Schema FLOATS = SchemaBuilder.array().items().floatType();
  private static final Schema INTS = SchemaBuilder.array().items().intType();
  private static final Schema STRINGS = SchemaBuilder.array().items().stringType();

  private static final Schema SCHEMA =
      SchemaBuilder.record("HeadCalibration")
          .namespace("org.turboesm.calibration")
          .fields()
          .requiredInt("format_version")
          .requiredString("model_hash")
          .requiredString("codec")
          .requiredDouble("key_bits")
          .requiredDouble("value_bits")
          .requiredString("allotment")
          .requiredBoolean("tail")
          .requiredLong("calibration_tokens")
          .name("calibration_proteins")
          .type(STRINGS)
          .noDefault()
          .requiredString("calibration_hash")
          .optionalInt("held_out_proteins")
          .optionalDouble("held_out_attention_cosine")
          .optionalDouble("held_out_attention_nmse")
          .requiredInt("layers")
          .requiredInt("heads")
          .requiredInt("head_dim")
          .requiredInt("layer")
          .requiredInt("head")
          .name("key_matrix")
          .type(FLOATS)
          .noDefault()
          .name("key_bias")
          .type(FLOATS)
          .noDefault()
          .name("query_matrix")
          .type(FLOATS)
          .noDefault()
          .name("query_bias")
          .type(FLOATS)
          .noDefault()
          .name("value_matrix")
          .type(FLOATS)
          .noDefault()
          .name("value_bias")
          .type(FLOATS)
          .noDefault()
          .name("output_matrix")
          .type(FLOATS)
          .noDefault()
          .name("output_bias")
          .type(FLOATS)
          .noDefault()
          .name("key_channel_bits")
          .type(INTS)
          .noDefault()
          .name("key_centroids")
          .type(FLOATS)
          .noDefault()
          .name("key_thresholds")
          .type(FLOATS)
          .noDefault()
          .name("value_channel_bits")
          .type(INTS)
          .noDefault()
          .name("value_centroids")
          .type(FLOATS)
          .noDefault()
          .name("value_thresholds")
          .type(FLOATS)
          .noDefault()
          .requiredBoolean("token_scaled_values")
          .name("key_lowest")
          .type(FLOATS)
          .noDefault()
          .name("key_highest")
          .type(FLOATS)
          .noDefault()
          .name("value_lowest")
          .type(FLOATS)
          .noDefault()
          .name("value_highest")
          .type(FLOATS)
          .noDefault()
          .endRecord();

  private CalibrationFile() {}

  static void write(Calibration calibration, Path file, Configuration configuration) {
    Configuration listConfiguration = new Configuration(configuration);
    listConfiguration.setBoolean("parquet.avro.write-old-list-structure", false);
    String hash = calibration.hash();
    try (ParquetWriter<GenericRecord> writer =
        AvroParquetWriter.<GenericRecord>builder(HadoopOutputFile.fromPath(file, listConfiguration))
            .withSchema(SCHEMA)
            .withConf(listConfiguration)
            .withDataModel(GenericData.get())
            .withCompressionCodec(CompressionCodecName.ZSTD)
            .withWriteMode(ParquetFileWriter.Mode.OVERWRITE)
            .build()) {
      for (int layer = 0; layer < calibration.codec().layers(); layer++) {
        for (int head = 0; head < calibration.codec().heads().get(layer).size(); head++) {
          writer.write(row(calibration, hash, layer, head));
        }
      }
    } catch (IOException e) {
      throw new TurboEsmException(file + ": cannot be written: " + e.getMessage(), e);
    }
  }

  private static GenericRecord row(Calibration calibration, String hash, int layer, int head) {
    KvCodec codec = calibration.codec();
    HeadCodec fitted = codec.head(layer, head);
    GenericRecord row = new GenericData.Record(SCHEMA);
    row.put("format_version", FORMAT_VERSION);
    row.put("model_hash", calibration.modelHash());
    row.put("codec", calibration.spec().codec());
    row.put("key_bits", calibration.spec().keyBits());
    row.put("value_bits", calibration.spec().valueBits());
    row.put("allotment", calibration.spec().allotment().label());
    row.put("tail", codec.tail());
    row.put("calibration_tokens", calibration.tokens());
    row.put("calibration_proteins", calibration.proteinSha256());
    row.put("calibration_hash", hash);
    calibration
        .measured()
        .ifPresent(
            heldOut -> {
              row.put("held_out_proteins", heldOut.proteins());
              row.put("held_out_attention_cosine", heldOut.attentionCosine()[layer]);
              row.put("held_out_attention_nmse", heldOut.attentionNmse()[layer]);
            });
    row.put("layers", codec.layers());
    row.put("heads", codec.heads().get(layer).size());
    row.put("head_dim", fitted.headDim());
    row.put("layer", layer);
    row.put("head", head);
    putMap(row, "key", fitted.key());
    putMap(row, "query", fitted.query());
    putMap(row, "value", fitted.value());
    putMap(row, "output", fitted.output());
    putCodebook(row, "key", fitted.keyCodebook());
    putCodebook(row, "value", fitted.valueCodebook());
    row.put("token_scaled_values", fitted.tokenScaledValues());
    putRange(row, "key", fitted.keyRange());
    putRange(row, "value", fitted.valueRange());
    return row;
  }

  private static void putMap(GenericRecord row, String name, AffineMap map) {
    row.put(name + "_matrix", list(map.columns()));
    row.put(name + "_bias", list(map.bias()));
  }

  private static void putCodebook(GenericRecord row, String name, Codebook codebook) {
    List<Integer> bits = new ArrayList<>();
    for (int width : codebook.bits()) {
      bits.add(width);
    }
    row.put(name + "_channel_bits", bits);
    row.put(name + "_centroids", list(Arrays.copyOf(codebook.centroids(), codebook.size())));
    row.put(name + "_thresholds", list(Arrays.copyOf(codebook.thresholds(), codebook.size())));
  }

  private static void putRange(GenericRecord row, String name, ChannelRange range) {
    row.put(name + "_lowest", list(range.lowest()));
    row.put(name + "_highest", list(range.highest()));
  }

  private static List<Float> list(float[] values) {
    List<Float> list = new ArrayList<>(values.length);
    for (float value : values) {
      list.add(value);
    }
    return list;
  }

  static Calibration read(Path path, Configuration configuration) {
    try {
      Path file = resolve(path, configuration);
      TreeMap<Integer, TreeMap<Integer, GenericRecord>> rows = new TreeMap<>();
      GenericRecord first = null;
      try (ParquetReader<GenericRecord> reader =
          AvroParquetReader.<GenericRecord>builder(HadoopInputFile.fromPath(file, configuration))
              .withDataModel(GenericData.get())
              .withConf(configuration)
              .build()) {
        for (GenericRecord row = reader.read(); row != null; row = reader.read()) {
          requireVersion(file, row);
          rows.computeIfAbsent((Integer) row.get("layer"), l -> new TreeMap<>())
              .put((Integer) row.get("head"), row);
          first = row;
        }
      }
      return calibration(file, first, rows);
    } catch (IOException e) {
      throw new TurboEsmException(path + ": cannot be read as a calibration: " + e.getMessage(), e);
    } catch (TurboEsmException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new TurboEsmException(
          path + ": not a calibration that \"turboesm calibrate\" wrote (" + e.getMessage() + ")",
          e);
    }
  }

  private static Path resolve(Path path, Configuration configuration) throws IOException {
    FileSystem fileSystem = path.getFileSystem(configuration);
    if (!fileSystem.exists(path)) {
      throw new TurboEsmException(
          path + ": no such calibration; \"turboesm calibrate\" or a run writes one");
    }
    if (!fileSystem.getFileStatus(path).isDirectory()) {
      return path;
    }
    List<Path> files = new ArrayList<>();
    for (FileStatus status : fileSystem.listStatus(path)) {
      if (status.isFile() && status.getPath().getName().endsWith(".parquet")) {
        files.add(status.getPath());
      }
    }
    if (files.size() != 1) {
      throw new TurboEsmException(
          path + ": holds " + files.size() + " Parquet files, expected the one calibration");
    }
    return files.get(0);
  }

  private static void requireVersion(Path file, GenericRecord row) {
    Object version = row.hasField("format_version") ? row.get("format_version") : "unknown";
    if (!version.equals(FORMAT_VERSION)) {
      throw new TurboEsmException(
          file
              + ": calibration format "
              + version
              + ", this build reads "
              + FORMAT_VERSION
              + "; calibrate anew");
    }
  }

  private static Calibration calibration(
      Path file, GenericRecord first, TreeMap<Integer, TreeMap<Integer, GenericRecord>> rows) {
    if (first == null) {
      throw new TurboEsmException(file + ": an empty calibration");
    }
    int layers = (Integer) first.get("layers");
    int heads = (Integer) first.get("heads");
    List<List<HeadCodec>> codecs = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      List<HeadCodec> codecsOfLayer = new ArrayList<>();
      for (int head = 0; head < heads; head++) {
        GenericRecord row = rows.getOrDefault(layer, new TreeMap<>()).get(head);
        if (row == null) {
          throw new TurboEsmException(
              file + ": layer " + layer + ", head " + head + " is missing; the file is damaged");
        }
        codecsOfLayer.add(headCodec(row));
      }
      codecs.add(codecsOfLayer);
    }
    List<String> proteins =
        ((List<?>) first.get("calibration_proteins")).stream().map(Object::toString).toList();
    Calibration calibration =
        new Calibration(
            new CodecSpec(
                first.get("codec").toString(),
                (Double) first.get("key_bits"),
                (Double) first.get("value_bits"),
                Allotment.parse(first.get("allotment").toString())),
            first.get("model_hash").toString(),
            proteins,
            (Long) first.get("calibration_tokens"),
            new KvCodec(codecs, (Boolean) first.get("tail")),
            heldOut(rows, layers));
    if (!calibration.hash().equals(first.get("calibration_hash").toString())) {
      throw new TurboEsmException(
          file + ": its numbers do not have the hash written beside them; the file is damaged");
    }
    return calibration;
  }

  private static HeldOut heldOut(
      TreeMap<Integer, TreeMap<Integer, GenericRecord>> rows, int layers) {
    Object proteins = rows.get(0).get(0).get("held_out_proteins");
    if (proteins == null) {
      return null;
    }
    double[] cosine = new double[layers];
    double[] nmse = new double[layers];
    for (int layer = 0; layer < layers; layer++) {
      GenericRecord row = rows.get(layer).get(0);
      cosine[layer] = (Double) row.get("held_out_attention_cosine");
      nmse[layer] = (Double) row.get("held_out_attention_nmse");
    }
    return new HeldOut((Integer) proteins, cosine, nmse);
  }

  private static HeadCodec headCodec(GenericRecord row) {
    return new HeadCodec(
        map(row, "key"),
        map(row, "query"),
        map(row, "value"),
        map(row, "output"),
        codebook(row, "key"),
        codebook(row, "value"),
        (Boolean) row.get("token_scaled_values"),
        range(row, "key"),
        range(row, "value"));
  }

  private static AffineMap map(GenericRecord row, String name) {
    float[] bias = floats(row, name + "_bias");
    return new AffineMap(bias.length, floats(row, name + "_matrix"), bias);
  }

  private static ChannelRange range(GenericRecord row, String name) {
    return new ChannelRange(floats(row, name + "_lowest"), floats(row, name + "_highest"));
  }

  private static Codebook codebook(GenericRecord row, String name) {
    List<?> widths = (List<?>) row.get(name + "_channel_bits");
    float[] centroids = floats(row, name + "_centroids");
    float[] thresholds = floats(row, name + "_thresholds");
    int[] bits = new int[widths.size()];
    float[][] channelCentroids = new float[bits.length][];
    float[][] channelThresholds = new float[bits.length][];
    int offset = 0;
    for (int c = 0; c < bits.length; c++) {
      bits[c] = (Integer) widths.get(c);
      int levels = 1 << bits[c];
      channelCentroids[c] = Arrays.copyOfRange(centroids, offset, offset + levels);
      channelThresholds[c] = Arrays.copyOfRange(thresholds, offset, offset + levels - 1);
      offset += levels;
    }
    return new Codebook(bits, channelCentroids, channelThresholds);
  }

  private static float[] floats(GenericRecord row, String name) {
    List<?> list = (List<?>) row.get(name);
    float[] values = new float[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (Float) list.get(i);
    }
    return values;
  }
}
