package org.turboesm.job;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** What a run has written, read without Spark. */
public final class EmbeddingFiles {
  private EmbeddingFiles() {}

  /** The embeddings of a mode by the protein's id. */
  public static Map<String, float[]> embeddings(Path output, String mode) throws SQLException {
    Map<String, float[]> embeddings = new TreeMap<>();
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = duckDb.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT id, embedding FROM read_parquet('"
                    + output
                    + "/embeddings/mode="
                    + mode
                    + "/*.parquet')")) {
      while (rows.next()) {
        Array array = rows.getArray(2);
        Object[] values = (Object[]) array.getArray();
        float[] embedding = new float[values.length];
        for (int c = 0; c < values.length; c++) {
          embedding[c] = (Float) values[c];
        }
        embeddings.put(rows.getString(1), embedding);
      }
    }
    return embeddings;
  }

  /** Id and code of each rejected record, in order. */
  static List<String> rejects(Path output) throws SQLException {
    TreeSet<String> rejects = new TreeSet<>();
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = duckDb.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT id || ' ' || code FROM read_parquet('" + output + "/rejects/*.parquet')")) {
      while (rows.next()) {
        rejects.add(rows.getString(1));
      }
    }
    return List.copyOf(rejects);
  }

  public static JsonNode manifest(Path output) throws IOException {
    return new ObjectMapper().readTree(output.resolve("manifest.json").toFile());
  }

  /** The length of the difference over the length of what is expected. */
  public static double relativeError(float[] found, float[] expected) {
    double difference = 0;
    double square = 0;
    for (int c = 0; c < expected.length; c++) {
      difference += Math.pow((double) found[c] - expected[c], 2);
      square += Math.pow(expected[c], 2);
    }
    return Math.sqrt(difference / square);
  }
}
